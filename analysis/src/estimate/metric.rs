//! What is estimated of a point.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Ratio;
use crate::row::Row;

/// A quantity of a row that is estimated for every point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Gross energy for one unit of output; the primary metric.
    EnergyPerUnit,
    /// Energy above idle for one unit of output.
    EnergyNetPerUnit,
    /// Gross energy for one sequence, picture or sound.
    EnergyPerRequest,
    /// Gross energy for one second of sound.
    EnergyPerSoundSecond,
    /// Units of output per second.
    Throughput,
    /// Mean power of the work.
    MeanPower,
    /// Mean power of the idle baselines.
    IdlePower,
    /// Time of an iteration.
    IterationTime,
    /// Time of the pass of a model that answers in one.
    InferTime,
    /// Time of the pass of an encoder whose states a decoder reads.
    EncodeTime,
    /// Time of a prefill.
    PrefillTime,
    /// Time of a decode phase.
    DecodeTime,
    /// Time of one decode step.
    DecodeStepTime,
    /// Share of the hardware floor that was reached.
    FloorShare,
    /// Integral of sampled instant power by the counter's energy.
    InstantToCounter,
    /// Integral of sampled averaged power by the counter's energy.
    AverageToCounter,
}

impl Metric {
    /// Every metric, in the order of tables.
    pub const ALL: [Self; 16] = [
        Self::EnergyPerUnit,
        Self::EnergyNetPerUnit,
        Self::EnergyPerRequest,
        Self::EnergyPerSoundSecond,
        Self::Throughput,
        Self::MeanPower,
        Self::IdlePower,
        Self::IterationTime,
        Self::InferTime,
        Self::EncodeTime,
        Self::PrefillTime,
        Self::DecodeTime,
        Self::DecodeStepTime,
        Self::FloorShare,
        Self::InstantToCounter,
        Self::AverageToCounter,
    ];

    /// Those that are compared between points.
    pub const COMPARED: [Self; 8] = [
        Self::EnergyPerUnit,
        Self::EnergyNetPerUnit,
        Self::Throughput,
        Self::MeanPower,
        Self::IterationTime,
        Self::InferTime,
        Self::PrefillTime,
        Self::DecodeStepTime,
    ];

    /// The word in data and in keys of numbers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnergyPerUnit => "energy_per_unit",
            Self::EnergyNetPerUnit => "energy_net_per_unit",
            Self::EnergyPerRequest => "energy_per_request",
            Self::EnergyPerSoundSecond => "energy_per_sound_second",
            Self::Throughput => "throughput",
            Self::MeanPower => "mean_power",
            Self::IdlePower => "idle_power",
            Self::IterationTime => "iteration_time",
            Self::InferTime => "infer_time",
            Self::EncodeTime => "encode_time",
            Self::PrefillTime => "prefill_time",
            Self::DecodeTime => "decode_time",
            Self::DecodeStepTime => "decode_step_time",
            Self::FloorShare => "floor_share",
            Self::InstantToCounter => "instant_to_counter",
            Self::AverageToCounter => "average_to_counter",
        }
    }

    /// The unit, given the unit of output (`token`).
    pub fn unit(self, output: &str) -> String {
        match self {
            Self::EnergyPerUnit | Self::EnergyNetPerUnit => format!("J/{output}"),
            Self::EnergyPerRequest => "J/request".to_owned(),
            Self::EnergyPerSoundSecond => "J/s".to_owned(),
            Self::Throughput => format!("{output}/s"),
            Self::MeanPower | Self::IdlePower => "W".to_owned(),
            Self::IterationTime
            | Self::InferTime
            | Self::EncodeTime
            | Self::PrefillTime
            | Self::DecodeTime
            | Self::DecodeStepTime => "s".to_owned(),
            Self::FloorShare | Self::InstantToCounter | Self::AverageToCounter => "1".to_owned(),
        }
    }

    /// Whether the metric is an energy, whose absence the row explains.
    pub(super) const fn is_energy(self) -> bool {
        matches!(
            self,
            Self::EnergyPerUnit
                | Self::EnergyNetPerUnit
                | Self::EnergyPerRequest
                | Self::MeanPower
                | Self::IdlePower
                | Self::InstantToCounter
                | Self::AverageToCounter
        )
    }

    /// The value of a row as a typed accessor, handed to a generic estimator.
    pub(super) fn visit<V: MetricVisitor>(self, visitor: V) -> V::Output {
        match self {
            Self::EnergyPerUnit => visitor.visit(|row| row.energy_per_unit_j),
            Self::EnergyNetPerUnit => visitor.visit(|row| row.energy_net_per_unit_j),
            Self::EnergyPerRequest => visitor.visit(|row| row.energy_per_request_j),
            Self::EnergyPerSoundSecond => visitor.visit(|row| row.energy_per_sound_second_j),
            Self::Throughput => visitor.visit(|row| row.throughput_per_s),
            Self::MeanPower => visitor.visit(|row| row.mean_power_w),
            Self::IdlePower => visitor.visit(|row| row.idle_power_w),
            Self::IterationTime => visitor.visit(|row| row.iteration_s),
            Self::InferTime => visitor.visit(|row| row.infer_s),
            Self::EncodeTime => visitor.visit(|row| row.encode_s),
            Self::PrefillTime => visitor.visit(|row| row.prefill_s),
            Self::DecodeTime => visitor.visit(|row| row.decode_s),
            Self::DecodeStepTime => visitor.visit(|row| row.decode_step_s),
            Self::FloorShare => visitor.visit(|row| row.floor_share.map(Ratio::new)),
            Self::InstantToCounter => visitor.visit(|row| {
                Some(Ratio::new(
                    row.energy_integrated_instant_j? / row.energy_counter_j?,
                ))
            }),
            Self::AverageToCounter => visitor.visit(|row| {
                Some(Ratio::new(
                    row.energy_integrated_average_j? / row.energy_counter_j?,
                ))
            }),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An estimator that works in the unit of whatever metric it is given.
pub(super) trait MetricVisitor {
    /// What it computes.
    type Output;
    /// Computes it from the metric's accessor.
    fn visit<U: crate::quantity::Quantity>(self, get: fn(&Row) -> Option<U>) -> Self::Output;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_serialised_words() {
        for metric in Metric::ALL {
            let json = serde_json::to_string(&metric).expect("a metric serialises");
            assert_eq!(json, format!("\"{}\"", metric.name()));
        }
    }
}
