//! From a request to the output: opens NVML, picks the cards, prints, waits, prints again.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;

use crate::arguments::{Action, Request};
use crate::card::{Card, System};
use crate::exit::{Failure, INVALID_ARGUMENT, SUCCESS};
use crate::item::{Item, PowerOf};
use crate::nvml_card::{self, NvmlCard};
use crate::targets::{self, Names};
use crate::timestamp::Timestamp;
use crate::{control, csv, dmon, help, log, pmon, table};

/// Standard output, or the file of `-f`.
struct Sink {
    writer: Box<dyn Write>,
}

/// Whether anybody still reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Listening,
    Gone,
}

impl Sink {
    fn open(file: Option<&Path>) -> io::Result<Self> {
        let writer: Box<dyn Write> = match file {
            Some(path) => Box::new(fs_err::File::create(path)?),
            None => Box::new(io::stdout()),
        };
        Ok(Self { writer })
    }

    /// Writes at once, so that a reader at the other end of a pipe sees each row when it is made.
    fn print(&mut self, text: &str) -> io::Result<Reader> {
        let written = self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush());
        match written {
            Ok(()) => Ok(Reader::Listening),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(error),
        }
    }
}

/// Does what was asked and returns the exit code.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn run(request: &Request) -> io::Result<u8> {
    let mut sink = match Sink::open(request.file.as_deref()) {
        Ok(sink) => sink,
        Err(error) => {
            println!("Failed to open the file of -f: {error}");
            return Ok(INVALID_ARGUMENT);
        }
    };
    match request.action {
        Action::Help => return print_and_end(&mut sink, &help::text(), SUCCESS),
        Action::QueryHelp(query) => return print_and_end(&mut sink, &query.help(), SUCCESS),
        _ => {}
    }
    let (nvml, system) = match open() {
        Ok(opened) => opened,
        Err(failure) => {
            return print_and_end(&mut sink, &failure.at_start(), failure.exit_code());
        }
    };
    if request.action == Action::Version {
        return print_and_end(&mut sink, &help::version(&system), SUCCESS);
    }
    let mut cards = match cards(&nvml, &system, &request.targets) {
        Ok(cards) => cards,
        Err((text, exit_code)) => return print_and_end(&mut sink, &text, exit_code),
    };
    if let Action::Set(settings) = &request.action {
        return set(&mut sink, settings, &mut cards, request.warnings_are_errors);
    }
    show(&mut sink, request, &cards, &system)
}

fn print_and_end(sink: &mut Sink, text: &str, exit_code: u8) -> io::Result<u8> {
    sink.print(text)?;
    Ok(exit_code)
}

fn open() -> Result<(Nvml, System), Failure> {
    let nvml = Nvml::init()?;
    let system = nvml_card::system(&nvml)?;
    Ok((nvml, system))
}

/// The cards that the targets mean, or what to print and the exit code.
fn cards<'nvml>(
    nvml: &'nvml Nvml,
    system: &System,
    targets: &[String],
) -> Result<Vec<NvmlCard<'nvml>>, (String, u8)> {
    let no_card = || {
        (
            "No devices were found\n".to_owned(),
            Failure::NotFound.exit_code(),
        )
    };
    let mut cards = Vec::new();
    let mut names = Vec::new();
    let mut unreachable = None;
    for index in 0..system.count {
        let card = match NvmlCard::open(nvml, index) {
            Ok(card) => card,
            Err(failure) => {
                let text = format!(
                    "Unable to determine the device handle for GPU{index}: {}.\n",
                    failure.words()
                );
                unreachable.get_or_insert((text, failure.exit_code()));
                continue;
            }
        };
        let name = |item| {
            card.read(item)
                .map_or_else(|_| String::new(), |name| name.bare())
        };
        names.push(Names {
            index,
            uuid: name(Item::Uuid),
            bus_id: name(Item::BusId),
            serial: name(Item::Serial),
        });
        cards.push(card);
    }
    // A card that cannot be reached stops whoever wants it or all, not whoever names another.
    let chosen = targets::choose(&names, targets);
    let chosen = match (chosen, unreachable) {
        (Some(chosen), None) => chosen,
        (Some(chosen), Some(_)) if !targets.is_empty() => chosen,
        (_, Some(refusal)) => return Err(refusal),
        (None, None) => return Err(no_card()),
    };
    if chosen.is_empty() {
        return Err(no_card());
    }
    Ok(cards
        .into_iter()
        .enumerate()
        .filter_map(|(place, card)| chosen.contains(&place).then_some(card))
        .collect())
}

fn set(
    sink: &mut Sink,
    settings: &[control::Setting],
    cards: &mut [NvmlCard<'_>],
    warnings_are_errors: bool,
) -> io::Result<u8> {
    let mut exit_code = SUCCESS;
    for setting in settings {
        let mut targets: Vec<&mut dyn Card> =
            cards.iter_mut().map(|card| card as &mut dyn Card).collect();
        let outcome = control::apply(*setting, &mut targets, warnings_are_errors);
        sink.print(&outcome.text)?;
        if outcome.exit_code != SUCCESS {
            exit_code = outcome.exit_code;
            break;
        }
    }
    Ok(exit_code)
}

/// Prints once, or again and again until the count is reached or nobody reads any more.
fn show(
    sink: &mut Sink,
    request: &Request,
    cards: &[NvmlCard<'_>],
    system: &System,
) -> io::Result<u8> {
    let cards: Vec<&dyn Card> = cards.iter().map(|card| card as &dyn Card).collect();
    let mut monitor = dmon::Monitor::default();
    let mut failure = None;
    let mut exit_code = SUCCESS;
    let start = Instant::now();
    let mut round = 0_u64;
    loop {
        let text = match &request.action {
            Action::List => list(&cards),
            Action::Log(sections) => log::log(&cards, sections, system, Timestamp::now()),
            Action::Query {
                query,
                fields,
                format,
            } => {
                let query = csv::Table {
                    query: *query,
                    fields,
                    format: *format,
                    system,
                };
                rows(&query, &cards, round == 0, &mut failure)
            }
            Action::Monitor(options) => {
                monitor_rows(options, &mut monitor, &cards, (round == 0, start.elapsed()))
            }
            Action::ProcessMonitor => process_rows(&cards, round == 0),
            Action::Table
            | Action::Set(_)
            | Action::Help
            | Action::Version
            | Action::QueryHelp(_) => table::table(&cards, system, Timestamp::now()),
        };
        let reader = sink.print(&text)?;
        round += 1;
        let lost = cards
            .iter()
            .any(|card| card.read(Item::Power(PowerOf::Usage)) == Err(Failure::GpuLost));
        if lost {
            failure = Some(Failure::GpuLost);
        }
        if let Some(failure) = failure {
            exit_code = failure.exit_code();
        }
        match request.every {
            Some(pause) if reader == Reader::Listening && request.count != Some(round) => {
                wait(pause);
            }
            _ => return Ok(exit_code),
        }
    }
}

/// Rows of a query; a list that cannot be had is left out and decides the exit code.
fn rows(
    query: &csv::Table<'_>,
    cards: &[&dyn Card],
    first: bool,
    failure: &mut Option<Failure>,
) -> String {
    let mut text = if first { query.header() } else { String::new() };
    for card in cards {
        match query.rows(*card, Timestamp::now()) {
            Ok(rows) => text.push_str(&rows),
            Err(reason) => *failure = Some(reason),
        }
    }
    text
}

fn monitor_rows(
    options: &dmon::Options,
    monitor: &mut dmon::Monitor,
    cards: &[&dyn Card],
    (first, since_start): (bool, Duration),
) -> String {
    let mut text = if first {
        options.header()
    } else {
        String::new()
    };
    for card in cards {
        text.push_str(&monitor.row(options, *card, Timestamp::now(), since_start));
    }
    text
}

fn process_rows(cards: &[&dyn Card], first: bool) -> String {
    let mut text = if first {
        pmon::header().to_owned()
    } else {
        String::new()
    };
    for card in cards {
        text.push_str(&pmon::rows(*card));
    }
    text
}

fn list(cards: &[&dyn Card]) -> String {
    let mut text = String::new();
    for card in cards {
        writeln!(
            text,
            "GPU {}: {} (UUID: {})",
            card.text(Item::Index),
            card.text(Item::Name),
            card.text(Item::Uuid)
        )
        .expect("a String takes all");
    }
    text
}

/// The pause between two rounds. The real tool sleeps after each round, too, so its rows come a
/// little later than the interval says.
#[expect(
    clippy::disallowed_methods,
    reason = "a foreground tool that repeats itself; no device of joulebench owns its clock"
)]
fn wait(pause: Duration) {
    std::thread::sleep(pause);
}
