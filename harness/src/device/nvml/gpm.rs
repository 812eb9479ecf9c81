//! Activity counters of Hopper and newer (GPM): shares of time between two samples of the board.

use std::collections::BTreeMap;

use model::reason::Absence;
use model::units::Nanos;
use nvml_wrapper::enums::gpm::GpmMetricId;
use nvml_wrapper::gpm::gpm_metrics_get;
use nvml_wrapper::{Device, GpmSample, Nvml};

use super::absence_of;

/// Shortest time between two GPM samples; shorter ones cost more than they tell.
const PERIOD: Nanos = Nanos::from_millis(100);

const METRICS: [GpmMetricId; 4] = [
    GpmMetricId::SmUtil,
    GpmMetricId::SmOccupancy,
    GpmMetricId::AnyTensorUtil,
    GpmMetricId::DramBwUtil,
];
const COLUMNS: [&str; 4] = [
    "sm_util_pct",
    "sm_occupancy_pct",
    "tensor_util_pct",
    "dram_util_pct",
];

/// Keeps the previous GPM sample, against which the next one is computed.
#[derive(Debug)]
pub(super) struct GpmReader<'nvml> {
    nvml: &'nvml Nvml,
    support: Result<(), Absence>,
    previous: Option<(Nanos, GpmSample<'nvml>)>,
    failed: BTreeMap<String, Absence>,
}

/// Shares of time since the previous GPM sample; absent between two of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Activity {
    pub(super) sm_util_pct: Option<f64>,
    pub(super) sm_occupancy_pct: Option<f64>,
    pub(super) tensor_util_pct: Option<f64>,
    pub(super) dram_util_pct: Option<f64>,
}

impl<'nvml> GpmReader<'nvml> {
    pub(super) fn new(nvml: &'nvml Nvml, device: &Device<'nvml>) -> Self {
        let support = match device.gpm_support() {
            Ok(true) => device
                .gpm_sample()
                .map(drop)
                .map_err(|error| absence_of(&error)),
            Ok(false) => Err(Absence::NotSupported),
            Err(error) => Err(absence_of(&error)),
        };
        Self {
            nvml,
            support,
            previous: None,
            failed: BTreeMap::new(),
        }
    }

    pub(super) fn absences(&self) -> BTreeMap<String, Absence> {
        match self.support {
            Ok(()) => BTreeMap::new(),
            Err(reason) => all(reason).collect(),
        }
    }

    /// Columns that gave a value at first and failed since, and why.
    pub(super) const fn failed(&self) -> &BTreeMap<String, Absence> {
        &self.failed
    }

    pub(super) fn read(&mut self, device: &Device<'nvml>, now: Nanos) -> Activity {
        let due = self
            .previous
            .as_ref()
            .is_none_or(|(at, _)| now.saturating_sub(*at) >= PERIOD);
        if self.support.is_err() || !due {
            return Activity::default();
        }
        let previous = self.previous.take();
        let sample = match device.gpm_sample() {
            Ok(sample) => sample,
            Err(error) => {
                self.failed.extend(all(absence_of(&error)));
                return Activity::default();
            }
        };
        let activity = previous.map_or_else(Activity::default, |(_, previous)| {
            self.between(&previous, &sample)
        });
        self.previous = Some((now, sample));
        activity
    }

    fn between(&mut self, previous: &GpmSample<'nvml>, sample: &GpmSample<'nvml>) -> Activity {
        let metrics = match gpm_metrics_get(self.nvml, previous, sample, &METRICS) {
            Ok(metrics) => metrics,
            Err(error) => {
                self.failed.extend(all(absence_of(&error)));
                return Activity::default();
            }
        };
        let mut values = COLUMNS.into_iter().zip(metrics);
        let mut next = || {
            let (column, metric) = values.next()?;
            match metric {
                Ok(result) => Some(result.value),
                Err(error) => {
                    self.failed.insert(column.to_owned(), absence_of(&error));
                    None
                }
            }
        };
        Activity {
            sm_util_pct: next(),
            sm_occupancy_pct: next(),
            tensor_util_pct: next(),
            dram_util_pct: next(),
        }
    }
}

/// Every column of this reader with one reason.
fn all(reason: Absence) -> impl Iterator<Item = (String, Absence)> {
    COLUMNS
        .into_iter()
        .map(move |column| (column.to_owned(), reason))
}
