//! Activity counters of Hopper and newer (GPM): shares of time between two samples of the board.

use std::collections::BTreeMap;

use model::reason::Absence;
use model::units::Nanos;
use nvml_wrapper::enums::gpm::GpmMetricId;
use nvml_wrapper::gpm::gpm_metrics_get;
use nvml_wrapper::{Device, GpmSample, Nvml};

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
                .map_err(|_| Absence::ReadFailed),
            _ => Err(Absence::NotSupported),
        };
        Self {
            nvml,
            support,
            previous: None,
        }
    }

    pub(super) fn absences(&self) -> BTreeMap<String, Absence> {
        match self.support {
            Ok(()) => BTreeMap::new(),
            Err(reason) => COLUMNS
                .iter()
                .map(|column| ((*column).to_owned(), reason))
                .collect(),
        }
    }

    pub(super) fn read(&mut self, device: &Device<'nvml>, now: Nanos) -> Activity {
        let due = self
            .previous
            .as_ref()
            .is_none_or(|(at, _)| now.saturating_sub(*at) >= PERIOD);
        if self.support.is_err() || !due {
            return Activity::default();
        }
        let Ok(sample) = device.gpm_sample() else {
            self.previous = None;
            return Activity::default();
        };
        let activity = self
            .previous
            .as_ref()
            .map_or_else(Activity::default, |(_, previous)| {
                self.between(previous, &sample)
            });
        self.previous = Some((now, sample));
        activity
    }

    fn between(&self, previous: &GpmSample<'nvml>, sample: &GpmSample<'nvml>) -> Activity {
        let Ok(metrics) = gpm_metrics_get(self.nvml, previous, sample, &METRICS) else {
            return Activity::default();
        };
        let mut values = metrics
            .into_iter()
            .map(|metric| metric.ok().map(|result| result.value));
        let mut next = || values.next().flatten();
        Activity {
            sm_util_pct: next(),
            sm_occupancy_pct: next(),
            tensor_util_pct: next(),
            dram_util_pct: next(),
        }
    }
}
