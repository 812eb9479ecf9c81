//! A moment of the calendar, in UTC, and the three ways in which the tool writes it.
//!
//! The real tool writes local time. This one has no table of time zones and says so in its help.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The first of January 1970 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    since_1970: Duration,
}

impl Timestamp {
    /// This moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tool shows the time of day; no result of joulebench depends on it"
    )]
    pub(crate) fn now() -> Self {
        Self::from_duration_since_1970(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    /// The moment this long after the start of 1970, UTC.
    pub(crate) fn from_duration_since_1970(since_1970: Duration) -> Self {
        Self { since_1970 }
    }

    /// `2025/07/09 01:17:36.754`, as in a csv.
    pub(crate) fn in_csv(self) -> String {
        let (year, month, day) = self.date();
        format!(
            "{year:04}/{month:02}/{day:02} {}.{:03}",
            self.clock(),
            self.since_1970.subsec_millis()
        )
    }

    /// `Wed Jul  9 01:17:36 2025`, as in the log and above the table.
    pub(crate) fn in_log(self) -> String {
        let (year, month, day) = self.date();
        let weekday = WEEKDAYS[index(self.days() % 7)];
        let month = MONTHS[index(month - 1)];
        format!("{weekday} {month} {day:>2} {} {year}", self.clock())
    }

    /// `20250709`, as `dmon -o D` shows it.
    pub(crate) fn day(self) -> String {
        let (year, month, day) = self.date();
        format!("{year:04}{month:02}{day:02}")
    }

    /// `01:17:36`
    pub(crate) fn clock(self) -> String {
        let second = self.since_1970.as_secs() % SECONDS_PER_DAY;
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }

    fn days(self) -> u64 {
        self.since_1970.as_secs() / SECONDS_PER_DAY
    }

    /// Year, month and day of the Gregorian calendar. The year is taken to begin in March, so that
    /// the leap day is its last day, and 400 years always have 146 097 days.
    fn date(self) -> (u64, u64, u64) {
        /// Days from the first of March of the year 0 to the first of January 1970.
        const DAYS_TO_1970: u64 = 719_468;
        const DAYS_PER_ERA: u64 = 146_097;
        let days = self.days() + DAYS_TO_1970;
        let era = days / DAYS_PER_ERA;
        let day_of_era = days % DAYS_PER_ERA;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        (year, month, day)
    }
}

fn index(small: u64) -> usize {
    usize::try_from(small).expect("below twelve")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_duration_since_1970(Duration::from_millis(milliseconds))
    }

    #[test]
    fn the_three_forms_are_those_of_the_tool() {
        // `date -u -d '2025-07-09 01:17:36' +%s` gives 1752023856.
        let moment = at(1_752_023_856_754);
        assert_eq!(moment.in_csv(), "2025/07/09 01:17:36.754");
        assert_eq!(moment.in_log(), "Wed Jul  9 01:17:36 2025");
        assert_eq!(moment.day(), "20250709");
        assert_eq!(moment.clock(), "01:17:36");
    }

    #[test]
    fn leap_days_and_turns_of_the_year_are_right() {
        assert_eq!(at(0).in_log(), "Thu Jan  1 00:00:00 1970");
        assert_eq!(at(951_782_400_000).in_csv(), "2000/02/29 00:00:00.000");
        assert_eq!(at(951_868_800_000).in_csv(), "2000/03/01 00:00:00.000");
        assert_eq!(at(1_798_761_599_999).in_csv(), "2026/12/31 23:59:59.999");
        assert_eq!(at(4_107_542_400_000).in_csv(), "2100/03/01 00:00:00.000");
    }

    proptest! {
        /// The text sorts as time does.
        #[test]
        fn later_is_greater(first in 0_u64..8_000_000_000_000, later in 1_u64..10_000_000_000) {
            prop_assert!(at(first).in_csv() < at(first + later).in_csv());
        }
    }
}
