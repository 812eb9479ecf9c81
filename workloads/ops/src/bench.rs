//! Times operations against the floor of the hardware.
//!
//! A call is timed among others of its kind whose operands are different memory: so many that all
//! together exceed the cache, because in a model a weight is never in the cache when its turn comes.
//! On a GPU the calls are recorded once and replayed, as they are in a model.

#[cfg_attr(feature = "cuda", path = "bench/driver.rs")]
#[cfg_attr(not(feature = "cuda"), path = "bench/absent.rs")]
mod clock;

use candle_core::{Device, Result, Tensor};
use serde::Serialize;

use crate::case::{Bound, Case, Purpose, all};
use crate::check::operands;
use crate::graph::Graph;

/// Together at least this much memory: more than twice the L2 cache of an H200 (50 MiB).
const WORKING_SET_BYTES: usize = 128 << 20;

/// Memory of all copies of the operands at most.
const MOST_BYTES: usize = 8 << 30;

/// Copies of the operands at most; smaller operations are timed partly from the cache.
const MOST_COPIES: usize = 256;

/// A repetition takes about this long.
const REPETITION_S: f64 = 0.02;

/// Repetitions; the median counts.
const REPETITIONS: usize = 9;

/// How long an operation takes.
#[derive(Clone, Debug, Serialize)]
pub struct Timed {
    /// Operation, format and shape.
    pub case: String,
    /// Median time of a call.
    pub seconds: Option<f64>,
    /// Fastest and slowest repetition, for a call.
    pub range_s: Option<(f64, f64)>,
    /// Bytes that must cross the memory bus, per second.
    pub bytes_per_s: Option<f64>,
    /// Operations per second.
    pub flops: Option<f64>,
    /// The least time on an H200: 4.3 TB/s, or the sustained rate of the unit that multiplies.
    pub floor_s: f64,
    /// That, by the time taken; only on a GPU.
    pub floor_share: Option<f64>,
    /// Whether the calls were recorded and replayed.
    pub recorded: bool,
    /// Memory that the calls go round in.
    pub working_set_bytes: usize,
    /// Why there is no time.
    pub error: Option<String>,
}

/// Times the cases whose name contains `filter`, one after the other.
pub fn run<'a>(device: &'a Device, filter: &'a str) -> impl Iterator<Item = Timed> + 'a {
    all()
        .into_iter()
        .filter(move |case| case.purpose != Purpose::Check && case.name().contains(filter))
        .map(move |case| bench(&case, device))
}

/// Times one case.
pub fn bench(case: &Case, device: &Device) -> Timed {
    let mut timed = Timed {
        case: case.name(),
        seconds: None,
        range_s: None,
        bytes_per_s: None,
        flops: None,
        floor_s: case.work.floor_s(),
        floor_share: None,
        recorded: false,
        working_set_bytes: 0,
        error: None,
    };
    if let Err(error) = fill(&mut timed, case, device) {
        timed.error = Some(error.to_string().lines().next().unwrap_or_default().into());
    }
    timed
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^53, or need no last digit"
)]
fn fill(timed: &mut Timed, case: &Case, device: &Device) -> Result<()> {
    let rounds = Rounds::new(case, device)?;
    timed.working_set_bytes = rounds.working_set_bytes;
    timed.recorded = rounds.graph.nodes().is_some();
    let mut repetitions = rounds.repetitions(device)?;
    repetitions.sort_by(f64::total_cmp);
    let seconds = repetitions[repetitions.len() / 2];
    timed.seconds = Some(seconds);
    timed.range_s = Some((repetitions[0], repetitions[repetitions.len() - 1]));
    timed.bytes_per_s = Some(case.work.bytes as f64 / seconds);
    timed.flops = Some(case.work.flops as f64 / seconds);
    if !device.is_cpu() {
        timed.floor_share = Some(timed.floor_s / seconds);
    }
    Ok(())
}

/// Copies of operands that together are more than the cache holds, of those bytes that a call
/// touches: what is only there takes no room in the cache.
fn copies(operand_bytes: usize, touched_bytes: usize) -> usize {
    let enough = WORKING_SET_BYTES.div_ceil(touched_bytes.max(1));
    let room = MOST_BYTES / operand_bytes.max(1);
    enough.min(room).clamp(1, MOST_COPIES)
}

/// Calls that go round in a working set.
struct Rounds {
    graph: Graph,
    calls: usize,
    working_set_bytes: usize,
}

impl Rounds {
    fn new(case: &Case, device: &Device) -> Result<Self> {
        let drawn = operands(case)?;
        let copy = || -> Result<(Bound, usize)> {
            let own = drawn
                .iter()
                .map(|operand| operand.copy()?.to_device(device))
                .collect::<Result<Vec<Tensor>>>()?;
            let bound = (case.bind)(&own)?;
            let size = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
            let bytes = own.iter().chain(&bound.outputs).map(size).sum();
            Ok((bound, bytes))
        };
        let (first, bytes) = copy()?;
        // A lookup has a large table and touches a few of its rows.
        let touched = usize::try_from(case.work.bytes).map_or(bytes, |work| work.min(bytes));
        let calls = if device.is_cpu() {
            1
        } else {
            copies(bytes, touched)
        };
        let mut bounds = vec![first];
        for _ in 1..calls {
            bounds.push(copy()?.0);
        }
        device.synchronize()?;
        let round = move || bounds.iter().try_for_each(|bound| (bound.call)());
        Ok(Self {
            graph: Graph::capture(device, round)?,
            calls,
            working_set_bytes: calls * touched,
        })
    }

    /// Seconds of a call, for each repetition.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are small and positive"
    )]
    fn repetitions(&self, device: &Device) -> Result<Vec<f64>> {
        let time = |rounds: usize| {
            clock::seconds(device, || (0..rounds).try_for_each(|_| self.graph.replay()))
        };
        time(1)?;
        let once = time(1)?;
        let rounds = (REPETITION_S / once.max(1e-7)).ceil().clamp(1.0, 1e4) as usize;
        let repetitions = if once > 1.0 { 1 } else { REPETITIONS };
        (0..repetitions)
            .map(|_| Ok(time(rounds)? / (rounds * self.calls) as f64))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;

    #[test]
    fn a_case_is_timed_on_the_cpu_without_a_share_of_a_gpus_floor() {
        let case = all()
            .into_iter()
            .find(|case| case.op == "rms_norm" && case.dtype == DType::F32)
            .unwrap();
        let timed = bench(&case, &Device::Cpu);
        assert!(timed.error.is_none(), "{timed:?}");
        let seconds = timed.seconds.unwrap();
        assert!(seconds > 0.0 && seconds < 1.0, "{timed:?}");
        assert!(timed.floor_share.is_none() && !timed.recorded);
    }

    #[test]
    fn copies_are_counted_by_what_a_call_touches() {
        let mib = 1 << 20;
        assert_eq!(copies(mib, mib), 128);
        assert_eq!(copies(200 * mib, 200 * mib), 1);
        assert_eq!(copies(64 * mib, mib), 128);
        // As far as the memory reaches.
        assert_eq!(copies(256 * mib, mib), 32);
        assert_eq!(copies(1024, 1024), MOST_COPIES);
        assert_eq!(copies(0, 0), MOST_COPIES);
    }

    #[test]
    fn floors_are_those_of_the_bus_or_of_the_arithmetic() {
        use crate::case::{Pipe, Work};
        let traffic = Work::traffic(4_300_000_000);
        assert!((traffic.floor_s() - 1e-3).abs() < 1e-12);
        let products = Work {
            bytes: 1,
            flops: 669_000_000_000,
            pipe: Pipe::Tensor16,
        };
        assert!((products.floor_s() - 1e-3).abs() < 1e-12);
    }
}
