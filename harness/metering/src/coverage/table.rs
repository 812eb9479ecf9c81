//! What the trials of a study come to.

use std::fmt;

use super::{Peer, Trial};
use crate::series::{count, quantile, sorted};

/// The trials of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct LengthSummary {
    /// Length of the windows in seconds.
    pub length_s: f64,
    /// Trials.
    pub trials: usize,
    /// Share of the intervals of the sensed energy that hold it.
    pub sensed_coverage: f64,
    /// Share of the intervals of the true energy that hold it.
    pub true_coverage: f64,
    /// Median relative error against the sensed energy.
    pub sensed_median_error: f64,
    /// The relative error that 95 % stay below, against the sensed energy.
    pub sensed_p95_error: f64,
    /// Median relative error of the stated true energy against the truth.
    pub true_median_error: f64,
    /// Median relative half width of the sensed interval.
    pub sensed_median_half_width: f64,
    /// Median relative half width of the true interval.
    pub true_median_half_width: f64,
    /// Median and 95 % relative errors of the other tools against the sensed energy, in the order of
    /// [`Peer::ALL`].
    pub peer_errors: [[f64; 2]; 4],
    /// Share of windows in which counter and integrated power were found to disagree, though both
    /// were sound.
    pub false_alarms: f64,
}

/// A study, length by length.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary(pub Vec<LengthSummary>);

impl Summary {
    /// Sums up trials, by ascending length.
    pub fn of(trials: &[Trial]) -> Self {
        let mut lengths = sorted(trials.iter().map(|trial| trial.length_s));
        lengths.dedup();
        Self(
            lengths
                .into_iter()
                .map(|length_s| of_length(trials, length_s))
                .collect(),
        )
    }
}

fn of_length(trials: &[Trial], length_s: f64) -> LengthSummary {
    #[expect(clippy::float_cmp, reason = "lengths are copied, not computed")]
    let of: Vec<&Trial> = trials
        .iter()
        .filter(|trial| trial.length_s == length_s)
        .collect();
    let share = |is: &dyn Fn(&Trial) -> bool| {
        count(of.iter().filter(|trial| is(trial)).count()) / count(of.len())
    };
    let spread = |error: &dyn Fn(&Trial) -> f64| {
        let errors = sorted(of.iter().map(|trial| error(trial)));
        [0.5, 0.95].map(|q| quantile(&errors, q).unwrap_or(f64::NAN))
    };
    let within = |[low, high]: [f64; 2], energy: f64| (low..=high).contains(&energy);
    let [sensed_median_error, sensed_p95_error] =
        spread(&|t| (t.stated_j / t.sensed_j - 1.0).abs());
    LengthSummary {
        length_s,
        trials: of.len(),
        sensed_coverage: share(&|t| within(t.sensed_interval_j, t.sensed_j)),
        true_coverage: share(&|t| within([t.true_interval_j[0], t.true_interval_j[2]], t.true_j)),
        sensed_median_error,
        sensed_p95_error,
        true_median_error: spread(&|t| (t.true_interval_j[1] / t.true_j - 1.0).abs())[0],
        sensed_median_half_width: spread(&|t| (t.sensed_interval_j[1] - t.stated_j) / t.stated_j)
            [0],
        true_median_half_width: spread(&|t| {
            (t.true_interval_j[2] - t.true_interval_j[1]) / t.true_interval_j[1]
        })[0],
        peer_errors: [0, 1, 2, 3]
            .map(|peer| spread(&|t| (t.peers_j[peer] / t.sensed_j - 1.0).abs())),
        false_alarms: share(&|t| t.is_gate_closed),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "window s  trials | sensed: holds %  median err %  p95 err %  half width % | true: holds %  median err %  half width % | gate %"
        )?;
        for s in &self.0 {
            writeln!(
                f,
                "{:8} {:7} | {:15.2} {:13.3} {:10.3} {:13.3} | {:13.2} {:13.3} {:13.3} | {:6.2}",
                s.length_s,
                s.trials,
                s.sensed_coverage * 100.0,
                s.sensed_median_error * 100.0,
                s.sensed_p95_error * 100.0,
                s.sensed_median_half_width * 100.0,
                s.true_coverage * 100.0,
                s.true_median_error * 100.0,
                s.true_median_half_width * 100.0,
                s.false_alarms * 100.0,
            )?;
        }
        writeln!(f, "\nerror against the sensed energy, median and p95 in %")?;
        for (index, peer) in Peer::ALL.into_iter().enumerate() {
            write!(f, "{:40}", peer.name())?;
            for s in &self.0 {
                let [median, p95] = s.peer_errors[index];
                write!(
                    f,
                    " | {} s: {:6.2} {:7.2}",
                    s.length_s,
                    median * 100.0,
                    p95 * 100.0
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
