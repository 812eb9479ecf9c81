//! `joulebench emulate`

mod boards;
mod calibrate;
mod command;
mod load;
mod settings;
mod truth;

use crate::args::emulate::{EmulateAction, EmulateArguments};
use crate::exit::Exit;

pub(crate) use calibrate::write as write_calibration;

pub(crate) fn run(arguments: &EmulateArguments) -> anyhow::Result<Exit> {
    match &arguments.action {
        None => command::run(&arguments.machine),
        Some(EmulateAction::Truth(truth)) => truth::run(truth),
        Some(EmulateAction::Settings(settings)) => settings::run(settings),
        Some(EmulateAction::Load(load)) => load::run(load),
        Some(EmulateAction::Boards(boards)) => boards::list(boards),
        Some(EmulateAction::Clocks(clocks)) => boards::clocks(clocks),
        Some(EmulateAction::Calibrate(calibrate)) => calibrate::run(calibrate),
    }
}
