//! `dmon`: one line for each card and interval, in columns seven wide.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::card::Card;
use crate::item::{
    ClockOf, CountedSince, Domain, ErrorKind, ErrorPlace, Item, MemoryOf, PowerOf, Reason,
    TemperatureOf, UnitOf,
};
use crate::timestamp::Timestamp;
use crate::value::Value;

/// What fills a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Item(Item),
    /// KB/s as MB/s.
    Megabytes(Item),
    /// Share of the interval that the power limit held the clocks back, in percent.
    PowerViolation,
    /// Whether heat held the clocks back, 0 or 1.
    ThermalViolation,
    /// Nothing that this tool reads.
    Nothing,
}

/// A column: name, unit, content.
type Column = (&'static str, &'static str, Cell);

const fn share(name: &'static str, of: UnitOf) -> Column {
    (name, "%", Cell::Item(Item::Utilization(of)))
}

const fn errors(name: &'static str, kind: ErrorKind) -> Column {
    let counter = Item::EccErrors(kind, CountedSince::Aggregate, ErrorPlace::Total);
    (name, "errs", Cell::Item(counter))
}

/// The letters of `-s` and their columns, in the order of the output.
const GROUPS: [(char, &[Column]); 7] = [
    (
        'p',
        &[
            ("pwr", "W", Cell::Item(Item::Power(PowerOf::Usage))),
            (
                "gtemp",
                "C",
                Cell::Item(Item::Temperature(TemperatureOf::Gpu)),
            ),
            (
                "mtemp",
                "C",
                Cell::Item(Item::Temperature(TemperatureOf::Memory)),
            ),
        ],
    ),
    (
        'u',
        &[
            share("sm", UnitOf::Gpu),
            share("mem", UnitOf::Memory),
            share("enc", UnitOf::Encoder),
            share("dec", UnitOf::Decoder),
            share("jpg", UnitOf::Jpeg),
            share("ofa", UnitOf::OpticalFlow),
        ],
    ),
    (
        'c',
        &[
            (
                "mclk",
                "MHz",
                Cell::Item(Item::Clock(ClockOf::Current, Domain::Memory)),
            ),
            (
                "pclk",
                "MHz",
                Cell::Item(Item::Clock(ClockOf::Current, Domain::Graphics)),
            ),
        ],
    ),
    (
        'v',
        &[
            ("pviol", "%", Cell::PowerViolation),
            ("tviol", "bool", Cell::ThermalViolation),
        ],
    ),
    (
        'm',
        &[
            ("fb", "MB", Cell::Item(Item::Memory(MemoryOf::Used))),
            ("bar1", "MB", Cell::Item(Item::Memory(MemoryOf::WindowUsed))),
            ("ccpm", "MB", Cell::Nothing),
        ],
    ),
    (
        'e',
        &[
            errors("sbecc", ErrorKind::Corrected),
            errors("dbecc", ErrorKind::Uncorrected),
            ("pci", "errs", Cell::Item(Item::PcieReplays)),
        ],
    ),
    (
        't',
        &[
            ("rxpci", "MB/s", Cell::Megabytes(Item::PcieReceive)),
            ("txpci", "MB/s", Cell::Megabytes(Item::PcieTransmit)),
        ],
    ),
];

/// What `dmon` was asked to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    groups: String,
    date: bool,
    time: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            groups: "puc".to_owned(),
            date: false,
            time: false,
        }
    }
}

impl Options {
    /// Takes the letters of `-s`.
    pub(crate) fn select(&mut self, letters: &str) -> Result<(), String> {
        let unknown = letters
            .chars()
            .find(|letter| GROUPS.iter().all(|(known, _)| known != letter));
        match unknown {
            None if !letters.is_empty() => {
                letters.clone_into(&mut self.groups);
                Ok(())
            }
            _ => Err(format!(
                "Failed to find any metric to display: \"{letters}\", expected letters of \
                 \"pucvmet\"\nFailed to process command line \n"
            )),
        }
    }

    /// Takes the letters of `-o`.
    pub(crate) fn show(&mut self, letters: &str) -> Result<(), String> {
        for letter in letters.chars() {
            match letter {
                'D' => self.date = true,
                'T' => self.time = true,
                other => {
                    return Err(format!(
                        "\"{other}\" of -o is neither D nor T\nFailed to process command line \n"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The columns of date and time: name, unit, width. The last one is a letter wider.
    fn moments(&self) -> impl Iterator<Item = (&'static str, &'static str, usize)> {
        let date_width = if self.time { 12 } else { 13 };
        let date = self.date.then_some(("Date", "YYYYMMDD", date_width));
        let time = self.time.then_some(("Time", "HH:MM:SS", 13));
        date.into_iter().chain(time)
    }

    fn columns(&self) -> impl Iterator<Item = &'static Column> {
        GROUPS
            .into_iter()
            .filter(|(letter, _)| self.groups.contains(*letter))
            .flat_map(|(_, columns)| columns)
    }

    /// The two lines above the first row.
    pub(crate) fn header(&self) -> String {
        let (mut names, mut units) = ("#".to_owned(), "#".to_owned());
        for (name, unit, width) in self.moments() {
            write!(names, "{name:<width$}").expect("a String takes all");
            write!(units, "{unit:<width$}").expect("a String takes all");
        }
        if names.len() == 1 {
            names.push(' ');
            units.push(' ');
        }
        names.push_str("gpu");
        units.push_str("Idx");
        for (name, unit, _) in self.columns() {
            write!(names, "{name:>7}").expect("a String takes all");
            write!(units, "{unit:>7}").expect("a String takes all");
        }
        format!("{names} \n{units} \n")
    }
}

/// Time that the clocks of one card were held back, at a moment.
#[derive(Clone, Copy, Debug)]
struct HeldBack {
    at: Duration,
    power_us: Option<u64>,
    thermal_us: Option<u64>,
}

/// Rows, one interval after another. The shares of an interval need the one before it.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    before: BTreeMap<String, HeldBack>,
}

impl Monitor {
    /// The row of one card. `since_start` is the time of a steady clock.
    pub(crate) fn row(
        &mut self,
        options: &Options,
        card: &dyn Card,
        at: Timestamp,
        since_start: Duration,
    ) -> String {
        let index = card.text(Item::Index);
        let mut text = String::new();
        for (name, _, width) in options.moments() {
            let moment = if name == "Date" { at.day() } else { at.clock() };
            let blank = if text.is_empty() { " " } else { "" };
            write!(text, "{blank}{moment:<width$}").expect("a String takes all");
        }
        let width = if text.is_empty() { 5 } else { 3 };
        write!(text, "{index:>width$}").expect("a String takes all");
        let watched = options
            .columns()
            .any(|(_, _, cell)| matches!(cell, Cell::PowerViolation | Cell::ThermalViolation));
        let pair = watched.then(|| {
            let now = HeldBack {
                at: since_start,
                power_us: microseconds(card, Reason::SoftwarePowerCap),
                thermal_us: microseconds(card, Reason::SoftwareThermal),
            };
            (self.before.insert(index, now), now)
        });
        for (_, _, cell) in options.columns() {
            let value = show(*cell, card, pair).unwrap_or_else(|| "-".to_owned());
            write!(text, "{value:>7}").expect("a String takes all");
        }
        text.push_str(" \n");
        text
    }
}

fn microseconds(card: &dyn Card, reason: Reason) -> Option<u64> {
    match card.read(Item::EventTime(reason)) {
        Ok(Value::Microseconds(held_us)) => Some(held_us),
        _ => None,
    }
}

/// The text of a cell; `None` where there is no value, which is shown as a dash.
fn show(cell: Cell, card: &dyn Card, pair: Option<(Option<HeldBack>, HeldBack)>) -> Option<String> {
    match cell {
        Cell::Item(item) => card.read(item).ok().map(|value| value.in_whole_units()),
        Cell::Megabytes(item) => match card.read(item) {
            Ok(Value::KilobytesPerSecond(rate)) => Some((rate / 1000).to_string()),
            _ => None,
        },
        Cell::PowerViolation => {
            let (before, now) = pair?;
            let before = before?;
            let held_us = now.power_us?.checked_sub(before.power_us?)?;
            let passed_us = (now.at.checked_sub(before.at)?).as_micros();
            let percent = (u128::from(held_us) * 100).checked_div(passed_us)?;
            Some(percent.min(100).to_string())
        }
        Cell::ThermalViolation => {
            let (before, now) = pair?;
            let held_us = now.thermal_us?.checked_sub(before?.thermal_us?)?;
            Some(u8::from(held_us > 0).to_string())
        }
        Cell::Nothing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Synthetic;

    fn moment() -> Timestamp {
        Timestamp::from_duration_since_1970(Duration::from_millis(1_752_023_856_754))
    }

    fn print(options: &Options) -> String {
        let mut monitor = Monitor::default();
        let mut text = options.header();
        for card in [Synthetic::v100(), Synthetic::h100()] {
            text.push_str(&monitor.row(options, &card, moment(), Duration::ZERO));
        }
        text
    }

    #[test]
    fn the_default_columns_are_those_of_the_real_tool() {
        let text = print(&Options::default());
        assert!(text.starts_with(
            "# gpu    pwr  gtemp  mtemp     sm    mem    enc    dec    jpg    ofa   mclk   pclk \n\
             # Idx      W      C      C      %      %      %      %      %      %    MHz    MHz \n\
             \x20   0     23     22      -      0      0      0      0      -      -    877    135 \n"
        ));
    }

    #[test]
    fn all_groups_with_date_and_time() {
        let mut options = Options::default();
        options.select("pucvmet").expect("known letters");
        options.show("DT").expect("known letters");
        insta::assert_snapshot!("dmon_all", print(&options));
    }

    /// The lines of driver 580.159.04.
    #[test]
    fn date_and_time_stand_where_the_real_tool_has_them() {
        let printed = |letters: &str| {
            let mut options = Options::default();
            options.select("c").expect("a known letter");
            options.show(letters).expect("known letters");
            let row =
                Monitor::default().row(&options, &Synthetic::v100(), moment(), Duration::ZERO);
            options.header() + &row
        };
        assert_eq!(
            printed("DT"),
            "#Date        Time         gpu   mclk   pclk \n\
             #YYYYMMDD    HH:MM:SS     Idx    MHz    MHz \n\
             \x2020250709    01:17:36       0    877    135 \n"
        );
        assert_eq!(
            printed("T"),
            "#Time         gpu   mclk   pclk \n\
             #HH:MM:SS     Idx    MHz    MHz \n\
             \x2001:17:36       0    877    135 \n"
        );
        assert_eq!(
            printed("D"),
            "#Date         gpu   mclk   pclk \n\
             #YYYYMMDD     Idx    MHz    MHz \n\
             \x2020250709       0    877    135 \n"
        );
    }

    #[test]
    fn the_order_of_the_letters_does_not_matter() {
        let mut options = Options::default();
        options.select("cp").expect("known letters");
        assert!(
            options
                .header()
                .starts_with("# gpu    pwr  gtemp  mtemp   mclk   pclk \n")
        );
    }

    #[test]
    fn wrong_letters_are_refused() {
        let mut options = Options::default();
        assert!(options.select("pq").is_err());
        assert!(options.select("").is_err());
        assert!(options.show("X").is_err());
        assert_eq!(options, Options::default());
    }

    #[test]
    fn the_share_of_power_capping_is_that_of_the_interval() {
        let mut options = Options::default();
        options.select("v").expect("a known letter");
        let mut monitor = Monitor::default();
        let mut card = Synthetic::h100();
        let mut row = |card: &Synthetic, seconds: u64| {
            monitor.row(&options, card, moment(), Duration::from_secs(seconds))
        };
        assert_eq!(row(&card, 0), "    1      -      - \n");
        card.put(
            Item::EventTime(Reason::SoftwarePowerCap),
            Value::Microseconds(1_250_000 + 420_000),
        );
        card.put(
            Item::EventTime(Reason::SoftwareThermal),
            Value::Microseconds(0),
        );
        assert_eq!(row(&card, 1), "    1     42      - \n");
        card.put(
            Item::EventTime(Reason::SoftwareThermal),
            Value::Microseconds(9),
        );
        assert_eq!(row(&card, 2), "    1      0      1 \n");
    }
}
