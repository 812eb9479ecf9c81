//! `joulebench figures`

use crate::args::StageArguments;
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;

pub(crate) fn run(arguments: &StageArguments) -> anyhow::Result<Exit> {
    let places = &arguments.places;
    let derivation = Derivation::new(Layout::new(&places.root), &places.out, &[])?;
    for file in derivation.figures()? {
        say!("{}", file.display());
    }
    Ok(Exit::Success)
}
