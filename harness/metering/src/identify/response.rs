//! How fields follow a step of the load.

use super::field::{Refresh, Seen};
use super::load::{Load, SETTLED_S};
use crate::profile::{Cooling, Pole, StepResponse};
use crate::quantity::{Quantity, Unidentified};
use crate::series::count;

/// A change of fewer steps of the field than this is no response.
const LEAST_STEPS: f64 = 6.0;

/// Times from a step of the load until the field has gone shares of its way, in ms. The end of the
/// way is the mean from 1.2 s after the step on.
pub(super) fn crossings_ms<const N: usize>(
    seen: &Seen,
    load: &Load,
    is_on: bool,
    shares: [f64; N],
) -> Result<[f64; N], Unidentified> {
    let edge = load.isolated(is_on).ok_or(Unidentified::NoIsolatedEdge)?;
    let before_s = edge.quiet_before_s.min(1.0);
    let after_s = edge.quiet_after_s.min(4.0);
    let from = seen.held_mean(edge.at_s - before_s, edge.at_s);
    let to = seen.held_mean(edge.at_s + SETTLED_S, edge.at_s + after_s);
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Unidentified::NotRecorded);
    };
    let least = if seen.field.counts_per_unit() > 1.0 {
        1.0
    } else {
        LEAST_STEPS
    };
    if (to - from).abs() < least {
        return Err(Unidentified::NoResponse);
    }
    let mut times = [f64::NAN; N];
    for (time, share) in times.iter_mut().zip(shares) {
        *time = seen
            .changes
            .iter()
            .filter(|change| {
                change.by_s > edge.at_s && change.by_s < edge.at_s + edge.quiet_after_s
            })
            .find(|change| {
                let value = crate::series::number(change.raw) / seen.field.counts_per_unit();
                (value - from) / (to - from) >= share
            })
            .map(|change| (change.middle_s() - edge.at_s) * 1e3)
            .ok_or(Unidentified::NoResponse)?;
    }
    Ok(times)
}

pub(super) fn response(seen: Option<&Seen>, load: &Load) -> StepResponse {
    let times = |is_on| {
        seen.ok_or(Unidentified::NotRecorded)
            .and_then(|seen| crossings_ms(seen, load, is_on, [0.5, 0.9]))
            .into()
    };
    StepResponse {
        on_ms: times(true),
        off_ms: times(false),
    }
}

/// Steps of time constants on a logarithmic axis.
const STEPS: u32 = 40;

/// Exponentials of the temperature after the first isolated step down.
pub(super) fn cooling(seen: Option<&Seen>, load: &Load) -> Result<Cooling, Unidentified> {
    let seen = seen.ok_or(Unidentified::NotRecorded)?;
    let edge = load.isolated(false).ok_or(Unidentified::NoIsolatedEdge)?;
    let hot = seen
        .held_mean(edge.at_s - 0.5, edge.at_s)
        .ok_or(Unidentified::NotRecorded)?;
    let until_s = edge.at_s + edge.quiet_after_s;
    let readings: Vec<Refresh> = seen
        .refreshes(edge.at_s, until_s)
        .into_iter()
        .map(|r| Refresh {
            at_s: r.at_s - edge.at_s,
            value: r.value,
        })
        .collect();
    if readings.len() < 8 {
        return Err(Unidentified::TooFewChanges);
    }
    let fall = hot - readings[readings.len() - 1].value;
    if fall < LEAST_STEPS {
        return Err(Unidentified::NoResponse);
    }
    let refresh_s = seen.gap_s?.value;
    let single = fit_one(&readings, refresh_s, edge.quiet_after_s);
    let double = fit_two(&readings, refresh_s, edge.quiet_after_s);
    // A second pole takes two more parameters: it must earn them (F at 1 %, about 5).
    let n = count(readings.len());
    let gain = (single.squares - double.squares) / 2.0 / (double.squares / (n - 5.0).max(1.0));
    let fit = if gain > 5.0 { double } else { single };
    Ok(Cooling {
        poles: fit.poles,
        unresolved_share: (hot - readings[0].value) / fall,
        rms_k: (fit.squares / n).sqrt(),
    })
}

struct Fit {
    poles: Vec<Pole>,
    squares: f64,
}

fn taus(refresh_s: f64, length_s: f64) -> impl Iterator<Item = f64> {
    // What decays within a refresh cannot be seen, what takes longer than the record looks straight.
    let (low, high) = (refresh_s, length_s);
    (0..=STEPS).map(move |i| low * libm::pow(high / low, f64::from(i) / f64::from(STEPS)))
}

fn fit_one(readings: &[Refresh], refresh_s: f64, length_s: f64) -> Fit {
    let fits: Vec<(f64, [f64; 2], f64)> = taus(refresh_s, length_s)
        .filter_map(|tau| {
            let (coefficients, squares) = least_squares(readings, |t| [1.0, libm::exp(-t / tau)])?;
            Some((tau, coefficients, squares))
        })
        .collect();
    let Some((tau, coefficients, squares)) =
        fits.iter().min_by(|a, b| a.2.total_cmp(&b.2)).copied()
    else {
        return Fit {
            poles: Vec::new(),
            squares: f64::INFINITY,
        };
    };
    let near = fits
        .iter()
        .filter(|fit| is_alike(fit.2, squares, readings.len()))
        .map(|fit| fit.0);
    Fit {
        poles: vec![Pole {
            tau_s: spread(tau, near),
            amplitude_k: coefficients[1],
        }],
        squares,
    }
}

fn fit_two(readings: &[Refresh], refresh_s: f64, length_s: f64) -> Fit {
    let mut fits: Vec<([f64; 2], [f64; 3], f64)> = Vec::new();
    let all: Vec<f64> = taus(refresh_s, length_s).collect();
    for (index, fast) in all.iter().enumerate() {
        for slow in all.iter().skip(index + 3) {
            let found = least_squares(readings, |t| {
                [1.0, libm::exp(-t / fast), libm::exp(-t / slow)]
            });
            if let Some((coefficients, squares)) = found
                && coefficients[1] > 0.0
                && coefficients[2] > 0.0
            {
                fits.push(([*fast, *slow], coefficients, squares));
            }
        }
    }
    let Some((tau, coefficients, squares)) =
        fits.iter().min_by(|a, b| a.2.total_cmp(&b.2)).copied()
    else {
        return Fit {
            poles: Vec::new(),
            squares: f64::INFINITY,
        };
    };
    let pole = |which: usize| {
        let near = fits
            .iter()
            .filter(|fit| is_alike(fit.2, squares, readings.len()))
            .map(|fit| fit.0[which]);
        Pole {
            tau_s: spread(tau[which], near),
            amplitude_k: coefficients[which + 1],
        }
    };
    Fit {
        poles: vec![pole(0), pole(1)],
        squares,
    }
}

/// Whether a fit is as good as the best, by a likelihood that falls by half a unit.
fn is_alike(squares: f64, best: f64, n: usize) -> bool {
    count(n) * libm::log(squares / best) <= 1.0
}

/// A value with half of the range of its peers; at least half a step of the axis.
fn spread(value: f64, near: impl Iterator<Item = f64>) -> Quantity {
    let (low, high) = near.fold((value, value), |(low, high), x| (low.min(x), high.max(x)));
    Quantity::new(value, ((high - low) / 2.0).max(0.05 * value))
}

/// Linear least squares on few columns, by the normal equations and elimination.
fn least_squares<const N: usize>(
    readings: &[Refresh],
    row: impl Fn(f64) -> [f64; N],
) -> Option<([f64; N], f64)> {
    let mut matrix = [[0.0; N]; N];
    let mut right = [0.0; N];
    for reading in readings {
        let x = row(reading.at_s);
        for i in 0..N {
            right[i] += x[i] * reading.value;
            for j in 0..N {
                matrix[i][j] += x[i] * x[j];
            }
        }
    }
    for i in 0..N {
        let pivot = (i..N).max_by(|a, b| matrix[*a][i].abs().total_cmp(&matrix[*b][i].abs()))?;
        matrix.swap(i, pivot);
        right.swap(i, pivot);
        if matrix[i][i].abs() < 1e-9 {
            return None;
        }
        for j in i + 1..N {
            let factor = matrix[j][i] / matrix[i][i];
            let pivot_row = matrix[i];
            for (entry, above) in matrix[j].iter_mut().zip(pivot_row).skip(i) {
                *entry -= factor * above;
            }
            right[j] -= factor * right[i];
        }
    }
    let mut solution = [0.0; N];
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|k| matrix[i][k] * solution[k]).sum();
        solution[i] = (right[i] - known) / matrix[i][i];
    }
    let squares = readings
        .iter()
        .map(|r| {
            let x = row(r.at_s);
            let fitted: f64 = x.iter().zip(&solution).map(|(x, c)| x * c).sum();
            (r.value - fitted) * (r.value - fitted)
        })
        .sum();
    Some((solution, squares))
}
