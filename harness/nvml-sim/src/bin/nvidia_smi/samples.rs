//! What the log says of a ring buffer: how long it reaches back, and its extremes.

use crate::card::{Card, Series, SeriesOf};
use crate::log::Log;
use crate::value::Value;

/// A number out of the driver's ring buffer in its unit.
fn in_unit(of: SeriesOf, number: u64) -> Value {
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    match of {
        SeriesOf::Power => Value::Milliwatts(number),
        SeriesOf::GpuUtilization
        | SeriesOf::MemoryUtilization
        | SeriesOf::EncoderUtilization
        | SeriesOf::DecoderUtilization => Value::Percent(small),
        SeriesOf::SmClock | SeriesOf::MemoryClock => Value::Megahertz(small),
    }
}

/// The five lines about one ring buffer, or the reason five times, as the real tool has it.
pub(crate) fn write(log: &mut Log, label: &str, card: &dyn Card, of: SeriesOf) {
    log.heading(1, label);
    let texts = match card.series(of) {
        Ok(series) => summary(of, &series),
        Err(failure) => std::array::from_fn(|_| failure.words().to_owned()),
    };
    for (label, text) in ["Duration", "Number of Samples", "Max", "Min", "Avg"]
        .into_iter()
        .zip(&texts)
    {
        log.line(2, label, text);
    }
}

fn summary(of: SeriesOf, series: &Series) -> [String; 5] {
    let (Some((first_us, _)), Some((last_us, _))) = (series.first(), series.last()) else {
        return std::array::from_fn(|_| "Not Found".to_owned());
    };
    let numbers = || series.iter().map(|(_, number)| *number);
    let count = u64::try_from(series.len()).unwrap_or(u64::MAX);
    let mean = numbers().sum::<u64>() / count;
    let hundredths_s = last_us.saturating_sub(*first_us) / 10_000;
    [
        format!("{}.{:02} sec", hundredths_s / 100, hundredths_s % 100),
        count.to_string(),
        in_unit(of, numbers().max().unwrap_or_default()).with_unit(),
        in_unit(of, numbers().min().unwrap_or_default()).with_unit(),
        in_unit(of, mean).with_unit(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_buffer_is_summed_up_in_five_texts() {
        let series = vec![
            (1_000_000, 72_630),
            (2_000_000, 128_950),
            (3_360_000, 100_000),
        ];
        assert_eq!(
            summary(SeriesOf::Power, &series),
            ["2.36 sec", "3", "128.95 W", "72.63 W", "100.53 W"]
        );
        assert_eq!(
            summary(SeriesOf::GpuUtilization, &vec![(0, 52), (14_000_000, 0)]),
            ["14.00 sec", "2", "52 %", "0 %", "26 %"]
        );
    }

    #[test]
    fn an_empty_ring_buffer_is_not_a_row_of_zeros() {
        assert_eq!(summary(SeriesOf::SmClock, &Vec::new())[0], "Not Found");
    }
}
