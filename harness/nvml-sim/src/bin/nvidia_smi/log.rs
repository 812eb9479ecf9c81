//! The log of `-q`: labels in a column, indented by level, a colon, the value.

use std::fmt::Write as _;

use crate::card::{Card, System};
use crate::item::Item;
use crate::sections::{self, Section};
use crate::timestamp::Timestamp;

/// Where the colon stands.
const COLUMN: usize = 42;
const WIDE_COLUMN: usize = 55;

/// Text of a log that grows line by line.
pub(crate) struct Log {
    text: String,
    column: usize,
}

impl Log {
    fn new(column: usize) -> Self {
        Self {
            text: String::new(),
            column,
        }
    }

    /// A label that only groups the lines below it.
    pub(crate) fn heading(&mut self, level: usize, label: &str) {
        let indent = 4 * level;
        writeln!(self.text, "{:indent$}{label}", "").expect("a String takes all");
    }

    /// A label with this text.
    pub(crate) fn line(&mut self, level: usize, label: &str, text: &str) {
        let indent = 4 * level;
        let width = self.column.saturating_sub(indent);
        writeln!(self.text, "{:indent$}{label:<width$}: {text}", "").expect("a String takes all");
    }

    /// A label with this value of the card, or the reason why there is none.
    pub(crate) fn item(&mut self, level: usize, label: &str, card: &dyn Card, item: Item) {
        match card.read(item) {
            Ok(value) => self.line(level, label, &value.with_unit()),
            Err(failure) => self.line(level, label, failure.words()),
        }
    }
}

/// The whole log of these cards. No sections means the full log.
pub(crate) fn log(
    cards: &[&dyn Card],
    sections: &[Section],
    system: &System,
    at: Timestamp,
) -> String {
    let column = if system.has_wide_layout() {
        WIDE_COLUMN
    } else {
        COLUMN
    };
    let mut log = Log::new(column);
    log.text
        .push_str("\n==============NVSMI LOG==============\n\n");
    log.line(0, "Timestamp", &at.in_log());
    log.line(0, "Driver Version", &system.driver_version);
    log.line(0, "CUDA Version", &system.cuda_version());
    log.text.push('\n');
    log.line(0, "Attached GPUs", &system.count.to_string());
    for card in cards {
        log.heading(0, &format!("GPU {}", card.text(Item::BusId)));
        sections::write(&mut log, *card, sections);
        log.text.push('\n');
    }
    log.text
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::exit::Failure;
    use crate::synthetic::Synthetic;

    fn moment() -> Timestamp {
        Timestamp::from_duration_since_1970(Duration::from_millis(1_752_023_856_754))
    }

    fn print(sections: &[Section], card: &Synthetic) -> String {
        log(&[card], sections, &Synthetic::system(), moment())
    }

    #[test]
    fn the_full_log_of_a_working_h100() {
        insta::assert_snapshot!("full_h100", print(&[], &Synthetic::h100()));
    }

    #[test]
    fn the_full_log_of_an_idle_v100() {
        insta::assert_snapshot!("full_v100", print(&[], &Synthetic::v100()));
    }

    #[test]
    fn chosen_sections_come_in_the_order_of_the_log() {
        let text = print(
            &[Section::Clock, Section::Power, Section::Temperature],
            &Synthetic::h100(),
        );
        insta::assert_snapshot!("chosen_h100", text);
    }

    #[test]
    fn the_colon_moves_with_the_driver() {
        let mut system = Synthetic::system();
        let card = Synthetic::v100();
        let narrow = log(&[&card], &[Section::Compute], &system, moment());
        assert!(narrow.contains("\nTimestamp                                 : Wed Jul  9"));
        system.driver_version = "580.159.04".to_owned();
        let wide = log(&[&card], &[Section::Compute], &system, moment());
        assert!(
            wide.contains("\nTimestamp                                              : Wed Jul  9")
        );
    }

    #[test]
    fn a_lost_card_says_so() {
        let mut card = Synthetic::v100();
        card.lost = Some(Failure::GpuLost);
        let text = print(&[Section::Performance], &card);
        assert!(text.contains("Performance State                     : GPU is lost"));
    }

    /// Below the name of the GPU, our list of clocks has the layout of the dump of a real V100.
    #[test]
    fn the_list_of_clocks_is_laid_out_as_in_a_real_dump() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/data/predecessor-samples/INFO_V100.txt");
        let Ok(dump) = fs_err::read_to_string(&path) else {
            eprintln!("skipped: the dump of a real V100 is not here");
            return;
        };
        let text = print(&[Section::SupportedClocks], &Synthetic::v100());
        let (_, ours) = text.split_once("GPU 00000000:3B:00.0\n").expect("a GPU");
        let (_, theirs) = dump
            .split_once("GPU 00000000:3B:00.0\n")
            .expect("a GPU in the dump");
        let ours: Vec<&str> = ours.lines().take(5).collect();
        let theirs: Vec<&str> = theirs.lines().take(5).collect();
        assert_eq!(ours, theirs);
    }
}
