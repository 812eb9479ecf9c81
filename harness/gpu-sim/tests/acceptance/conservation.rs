//! Energy is conserved, whatever happens.

use std::sync::Arc;

use gpu_sim::{Card, Gpu, Repeat, Seeds, Work, kernels};
use proptest::prelude::*;

use crate::lab::{at, board, joules, seconds};

/// Something that happens to a card, and how long it then goes on.
#[derive(Clone, Debug)]
struct Act {
    length_ms: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Work(usize, Option<u64>),
    Rest,
    Context(bool),
    Lock(Option<(u32, u32)>),
    LockMemory(Option<(u32, u32)>),
    Applications(Option<(u32, u32)>),
    Limit(f64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let kernel = 0..kernels::NAMES.len();
    let clock = 135_u32..2_000;
    let what = prop_oneof![
        4 => (kernel, proptest::option::of(1_u64..400)).prop_map(|(k, n)| What::Work(k, n)),
        2 => Just(What::Rest),
        1 => any::<bool>().prop_map(What::Context),
        2 => proptest::option::of((clock.clone(), clock.clone())).prop_map(What::Lock),
        1 => proptest::option::of((clock.clone(), 800_u32..3_300)).prop_map(What::LockMemory),
        1 => proptest::option::of((800_u32..3_300, clock)).prop_map(What::Applications),
        2 => (100.0..700.0_f64).prop_map(What::Limit),
    ];
    let act = (0_u64..1_500, what).prop_map(|(length_ms, what)| Act { length_ms, what });
    proptest::collection::vec(act, 1..20)
}

fn do_it(gpu: &mut Gpu, what: &What) {
    match what {
        What::Work(kernel, count) => {
            let cost = kernels::named(kernels::NAMES[*kernel]).expect("a kernel");
            let repeat = count.map_or(Repeat::Endless, Repeat::Times);
            gpu.set_work(Some(Work { cost, repeat }));
        }
        What::Rest => gpu.set_work(None),
        What::Context(open) => gpu.set_context(*open),
        What::Lock(range) => gpu.lock_core_clocks(*range),
        What::LockMemory(range) => gpu.lock_memory_clocks(*range),
        What::Applications(clocks) => gpu.set_application_clocks(*clocks),
        What::Limit(limit_w) => gpu.set_power_limit_w(*limit_w),
    }
}

/// Goes through a history and stops at given moments of it too.
fn go_through(gpu: &mut Gpu, acts: &[Act], stops: &[u64], mut at_stop: impl FnMut(&Gpu)) -> f64 {
    let mut stops = stops
        .iter()
        .copied()
        .map(model::units::Nanos::new)
        .peekable();
    let mut end = gpu.now();
    let mut pass = |gpu: &mut Gpu, end: model::units::Nanos| {
        while let Some(stop) = stops.next_if(|stop| *stop < end) {
            while gpu.advance(stop).is_some() {}
            at_stop(gpu);
        }
        while gpu.advance(end).is_some() {}
    };
    for act in acts {
        do_it(gpu, &act.what);
        end = end + model::units::Nanos::from_millis(act.length_ms);
        pass(gpu, end);
    }
    pass(gpu, end + model::units::Nanos::new(1));
    seconds(end)
}

fn card(name: &str, seed: u64) -> Gpu {
    let seeds = Seeds {
        card: seed,
        run: seed ^ 0x55,
    };
    Gpu::with_card(Card::new(Arc::clone(&board(name)), seeds), at(0.0))
}

const BOARDS: [&str; 6] = ["v100", "a100-40", "a100-80", "h100-nvl", "h100-sxm", "h200"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The integral is the sum over the steps, with the power that its causes add up to.
    #[test]
    fn the_integral_is_the_sum_of_power_by_its_causes_over_time(
        acts in acts(), which in 0..BOARDS.len(), seed in any::<u64>()
    ) {
        let mut first = card(BOARDS[which], seed);
        let end_s = go_through(&mut first, &acts, &[], |_| {});
        let mut begins: Vec<u64> = first.timeline().steps().map(|(begin, _)| begin.get()).collect();
        let end = at(end_s).get();
        begins.retain(|begin| *begin < end);
        begins.push(end);
        // The same history again, stopped in the middle of each of its steps.
        let middles: Vec<u64> = begins.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2).collect();
        let (mut sums, mut index) = ((0.0, 0.0), 0);
        let mut sound = true;
        let mut second = card(BOARDS[which], seed);
        go_through(&mut second, &acts, &middles, |gpu| {
            let length_s = seconds_of(begins[index + 1] - begins[index]);
            let parts = gpu.power_parts();
            let added = parts.fixed_w + parts.leakage_w + parts.clock_w + parts.core_w + parts.memory_w;
            sums.0 += added * length_s;
            sums.1 += parts.memory_w * length_s;
            let level = gpu.timeline().level(gpu.now());
            sound &= (added / level.power.get() - 1.0).abs() < 1e-12;
            sound &= (parts.memory_w - level.memory_power.get()).abs() < 1e-9;
            sound &= [parts.fixed_w, parts.leakage_w, parts.clock_w, parts.core_w, parts.memory_w].iter().all(|w| w.is_finite() && *w >= 0.0);
            index += 1;
        });
        prop_assert!(sound, "the parts do not add up to what was drawn");
        prop_assert_eq!(index + 1, begins.len());
        let origin = first.timeline().origin();
        let energy = first.timeline().energy_between(origin, at(end_s)).get();
        let memory = first.timeline().memory_energy(at(end_s)).get();
        prop_assert!((sums.0 - energy).abs() <= 1e-9 * energy, "{} J, {energy} J", sums.0);
        prop_assert!((sums.1 - memory).abs() <= 1e-9 * energy, "{} J, {memory} J", sums.1);
        prop_assert_eq!(second.timeline().energy(at(end_s)), first.timeline().energy(at(end_s)));
    }

    /// The counter is the truth up to a recent tick, by the card's gain and offset.
    #[test]
    fn the_counter_differs_from_the_truth_by_gain_offset_and_tick(
        acts in acts(), which in 0..BOARDS.len(), seed in any::<u64>()
    ) {
        let mut gpu = card(BOARDS[which], seed);
        let (gain, offset_w) = (gpu.card().gain, gpu.card().offset_w);
        let tick_ms = gpu.board().sensors.energy_tick_ms.value;
        let before = joules(gpu.read().energy);
        let stops: Vec<u64> = (0..3_000).map(|step| at(0.0).get() + step * 7_300_000).collect();
        let mut wrong = None;
        go_through(&mut gpu, &acts, &stops, |gpu| {
            let shown = joules(gpu.read().energy) - before;
            let counted = |back_ms: f64| {
                let moment = at((seconds(gpu.now()) - back_ms / 1e3).max(0.0));
                gain * gpu.timeline().energy(moment).get() + offset_w * seconds(moment)
            };
            let (latest, oldest) = (counted(0.0), counted(tick_ms));
            if shown > latest.max(oldest) + 1.01e-3 || shown < latest.min(oldest) - 1.01e-3 {
                wrong = Some((seconds(gpu.now()), shown, oldest, latest));
            }
        });
        prop_assert!(wrong.is_none(), "{wrong:?} gain {gain} offset {offset_w} W");
    }
}

fn seconds_of(nanos: u64) -> f64 {
    model::units::Seconds::from(model::units::Nanos::new(nanos)).get()
}

/// A gain of one half and an offset of ten watts are found again at the ticks of the counter.
#[test]
fn gain_and_offset_of_the_counter_are_those_of_the_card() {
    let mut card = Card::ideal(board("h200"));
    (card.gain, card.offset_w) = (0.5, 10.0);
    let mut gpu = Gpu::with_card(card, at(0.0));
    gpu.set_work(Some(Work::endless(
        kernels::named("copy").expect("a kernel"),
    )));
    let polls = crate::lab::play_and_poll(&mut gpu, &[(5.0, crate::lab::endless("copy"))], 0.001);
    let ticks = crate::lab::changes(&polls, |r| r.energy);
    let (first, last) = (ticks[3], ticks[ticks.len() - 1]);
    let shown_w = (joules(last.1) - joules(first.1)) / ((last.0 - first.0) / 0.1).round() / 0.1;
    let true_w = crate::lab::mean_w(&gpu, first.0, last.0);
    assert!(
        (shown_w - (0.5 * true_w + 10.0)).abs() < 0.2,
        "{shown_w} W of {true_w} W"
    );
}

/// Work takes the time that its rates say, to the nanosecond, however its pieces are cut.
#[test]
fn short_work_takes_neither_more_nor_less_time_than_it_needs() {
    let cost = kernels::named("gemm-bf16-4096").expect("a kernel");
    let mut gpu = crate::lab::ideal("h200");
    gpu.set_context(true);
    gpu.lock_core_clocks(Some((900, 900)));
    crate::lab::reach(&mut gpu, 2.0);
    gpu.set_work(Some(Work::times(cost, 1_000)));
    let whole_s = seconds(gpu.advance(at(60.0)).expect("it ends")) - 2.0;
    let begin_s = seconds(gpu.now());
    for _ in 0..1_000 {
        gpu.set_work(Some(Work::once(cost)));
        gpu.advance(at(60.0)).expect("it ends");
    }
    let in_pieces_s = seconds(gpu.now()) - begin_s;
    assert!(
        (in_pieces_s - whole_s).abs() < 2e-6,
        "{in_pieces_s} s in pieces, {whole_s} s whole"
    );
    let duration_s = gpu_sim::execute(
        gpu.board(),
        &cost,
        gpu_sim::ClockPair {
            core_mhz: 900,
            memory_mhz: 3_201,
        },
    )
    .duration_s;
    assert!(
        (whole_s - 1_000.0 * duration_s).abs() < 2e-6,
        "{whole_s} s, {duration_s} s each"
    );
}
