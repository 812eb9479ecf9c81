//! The table that the tool prints without arguments.

use std::fmt::Write as _;

use crate::card::{Card, System};
use crate::item::{CountedSince, ErrorKind, ErrorPlace, Item, LimitOf, MemoryOf, PowerOf};
use crate::item::{TemperatureOf, UnitOf};
use crate::timestamp::Timestamp;
use crate::value::Value;

const EDGE: &str =
    "+-----------------------------------------------------------------------------------------+\n";
const COLUMNS: &str =
    "-----------------------------------------+------------------------+----------------------";
const HEADINGS: &str = "\
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
";
const PROCESS_HEADINGS: &str = "\
| Processes:                                                                              |
|  GPU   GI   CI              PID   Type   Process name                        GPU Memory |
|        ID   ID                                                               Usage      |
|=========================================================================================|
";
const NO_PROCESS: &str =
    "|  No running processes found                                                             |\n";
/// Letters of a name that fit.
const NAME_WIDTH: usize = 27;
const PROCESS_WIDTH: usize = 37;
/// How the serial number of every emulated GPU begins.
const EMULATED: &str = "EMU";

/// The whole table.
pub(crate) fn table(cards: &[&dyn Card], system: &System, at: Timestamp) -> String {
    let mut text = String::new();
    write_to(&mut text, cards, system, at).expect("a String takes all");
    text
}

fn write_to(
    text: &mut String,
    cards: &[&dyn Card],
    system: &System,
    at: Timestamp,
) -> std::fmt::Result {
    // Seven blanks follow the date in the real tool, too.
    writeln!(text, "{}       ", at.in_log())?;
    text.push_str(EDGE);
    let driver = &system.driver_version;
    writeln!(
        text,
        "| NVIDIA-SMI {driver:<23}Driver Version: {driver:<15}CUDA Version: {:<9}|",
        system.cuda_version()
    )?;
    let corner = if system.has_wide_layout() { '+' } else { '|' };
    writeln!(text, "{corner}{COLUMNS}+")?;
    text.push_str(HEADINGS);
    for card in cards {
        write_card(text, *card)?;
        writeln!(text, "+{COLUMNS}+")?;
    }
    text.push('\n');
    text.push_str(EDGE);
    text.push_str(PROCESS_HEADINGS);
    let before = text.len();
    for card in cards {
        write_processes(text, *card)?;
    }
    if text.len() == before {
        text.push_str(NO_PROCESS);
    }
    text.push_str(EDGE);
    let emulated: Vec<String> = cards
        .iter()
        .filter(|card| card.text(Item::Serial).starts_with(EMULATED))
        .map(|card| card.text(Item::Index))
        .collect();
    if !emulated.is_empty() {
        writeln!(
            text,
            "Emulated by joulebench, no hardware behind it: GPU {}",
            emulated.join(", ")
        )?;
    }
    Ok(())
}

fn write_card(text: &mut String, card: &dyn Card) -> std::fmt::Result {
    writeln!(
        text,
        "| {:>3}  {:<30}{:>3}  | {:>18} {:<3} | {:>20} |",
        card.text(Item::Index),
        shortened(&card.text(Item::Name)),
        on_or_off(card, Item::Persistence),
        card.text(Item::BusId),
        on_or_off(card, Item::DisplayActive),
        uncorrected(card)
    )?;
    writeln!(
        text,
        "|{:>4}{:>6}{:>6}{:>16} / {:>5} |{:>11} / {:>9} |{:>8}{:>13} |",
        with(card, Item::FanSpeed, "%"),
        with(card, Item::Temperature(TemperatureOf::Gpu), "C"),
        card.text(Item::PerformanceState),
        with(card, Item::Power(PowerOf::Usage), "W"),
        with(card, Item::Limit(LimitOf::Enforced), "W"),
        with(card, Item::Memory(MemoryOf::Used), "MiB"),
        with(card, Item::Memory(MemoryOf::Total), "MiB"),
        with(card, Item::Utilization(UnitOf::Gpu), "%"),
        card.text(Item::ComputeMode)
    )?;
    writeln!(
        text,
        "|{:41}|{:24}|{:>21} |",
        "",
        "",
        card.text(Item::MigCurrent)
    )
}

fn write_processes(text: &mut String, card: &dyn Card) -> std::fmt::Result {
    // A card that cannot list its processes has said so in its own rows already.
    for process in card.processes().unwrap_or_default() {
        let name = process
            .name
            .unwrap_or_else(|failure| failure.words().to_owned());
        let used = process.used_memory.map_or_else(
            |failure| failure.words().to_owned(),
            |used| format!("{}MiB", used.bare()),
        );
        writeln!(
            text,
            "|{:>5}{:>6}{:>5}{:>16}{:>7}   {:<PROCESS_WIDTH$}{used:>9} |",
            card.text(Item::Index),
            "N/A",
            "N/A",
            process.pid,
            "C",
            shortened_at_the_front(&name)
        )?;
    }
    Ok(())
}

/// A whole number with its unit stuck to it, as the table has it.
fn with(card: &dyn Card, item: Item, unit: &str) -> String {
    match card.read(item) {
        Ok(value) => format!("{}{unit}", value.in_whole_units()),
        Err(failure) => failure.words().to_owned(),
    }
}

fn on_or_off(card: &dyn Card, item: Item) -> &'static str {
    match card.is_on(item) {
        Some(true) => "On",
        Some(false) => "Off",
        None => "N/A",
    }
}

/// Uncorrected errors since the driver was loaded; `Off` where nobody counts them.
fn uncorrected(card: &dyn Card) -> String {
    let errors = Item::EccErrors(
        ErrorKind::Uncorrected,
        CountedSince::Volatile,
        ErrorPlace::Total,
    );
    match card.is_on(Item::EccCurrent) {
        None => "N/A".to_owned(),
        Some(false) => "Off".to_owned(),
        Some(true) => match card.read(errors) {
            Ok(Value::Count(count)) => count.to_string(),
            Ok(_) | Err(_) => "N/A".to_owned(),
        },
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_WIDTH - 3).collect();
    format!("{kept}...")
}

/// Of a path, the end says more than the beginning.
fn shortened_at_the_front(name: &str) -> String {
    let letters = name.chars().count();
    if letters < PROCESS_WIDTH {
        return name.to_owned();
    }
    let kept: String = name.chars().skip(letters - (PROCESS_WIDTH - 4)).collect();
    format!("...{kept}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exit::Failure;
    use crate::synthetic::Synthetic;

    fn print(cards: &[&dyn Card], system: &System) -> String {
        let at = Timestamp::from_duration_since_1970(Duration::from_millis(1_752_023_856_754));
        table(cards, system, at)
    }

    #[test]
    fn two_emulated_cards_in_one_table() {
        let text = print(
            &[&Synthetic::v100(), &Synthetic::h100()],
            &Synthetic::system(),
        );
        insta::assert_snapshot!("two_cards", text);
        let widths: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with(['|', '+']))
            .map(|line| line.chars().count())
            .collect();
        assert!(widths.iter().all(|width| *width == 91), "{widths:?}");
    }

    #[test]
    fn an_idle_card_shows_no_process_and_a_newer_driver_another_corner() {
        let mut system = Synthetic::system();
        system.driver_version = "580.159.04".to_owned();
        let text = print(&[&Synthetic::v100()], &system);
        assert!(text.contains("|  No running processes found "));
        assert_eq!(text.lines().nth(3).map(|line| &line[..2]), Some("+-"));
        assert!(text.ends_with("no hardware behind it: GPU 0\n"));
    }

    #[test]
    fn real_hardware_is_not_called_emulated() {
        let mut card = Synthetic::v100();
        card.put(Item::Serial, Value::Text("0323918000001".to_owned()));
        assert!(!print(&[&card], &Synthetic::system()).contains("Emulated"));
    }

    #[test]
    fn a_lost_card_keeps_the_table_in_shape_at_its_edges() {
        let mut card = Synthetic::v100();
        card.lost = Some(Failure::GpuLost);
        let text = print(&[&card], &Synthetic::system());
        assert!(text.contains("GPU is lost"));
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(
            shortened("NVIDIA RTX 6000 Ada Generation"),
            "NVIDIA RTX 6000 Ada Gene..."
        );
        let path = "/home/somebody/environments/inference/bin/python3.11";
        let cut = shortened_at_the_front(path);
        assert!(cut.starts_with("...") && cut.ends_with("/bin/python3.11"));
        assert_eq!(cut.len(), PROCESS_WIDTH - 1);
    }
}
