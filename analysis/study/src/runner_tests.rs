use super::*;
use crate::bar::{CellDraft, Effort, Question, Role, Verdict};

fn options(experiments: usize, threads: usize, only: Option<BarId>) -> Options {
    Options {
        size: Size::Experiments(experiments),
        threads: NonZeroUsize::new(threads).unwrap(),
        seed: 3,
        only,
    }
}

/// A bar of one cell that is right with probability `share`.
fn coin(share: f64, question: Question) -> Bar {
    let mut draft = CellDraft::new("coin");
    let slot = draft.ask(question);
    let cell = draft.experiment(move |stream, answers| {
        answers.yes_no(slot, stream.chance(share));
        Ok(())
    });
    Bar {
        id: BarId::Headline,
        title: "coin",
        calls: &[],
        note: None,
        cells: vec![cell],
    }
}

fn verdict_of(share: f64, question: Question) -> Verdict {
    let report = run_bars(&[coin(share, question)], &options(2_000, 2, None), &|_| {}).unwrap();
    report.bars[0].rows[0].verdict
}

#[test]
fn a_method_that_covers_too_little_is_caught() {
    let nominal = || Question::share("coverage").within(0.94, 0.96);
    assert_eq!(verdict_of(0.90, nominal()), Verdict::Missed);
    assert_eq!(verdict_of(0.985, nominal()), Verdict::Missed);
    assert_eq!(verdict_of(0.95, nominal()), Verdict::Met);
    assert_eq!(
        verdict_of(0.90, nominal().exception("known")),
        Verdict::Exception
    );
    assert_eq!(
        verdict_of(0.99, Question::share("").at_least(0.93)),
        Verdict::Met
    );
}

#[test]
fn a_control_that_does_not_fail_is_caught() {
    let control = || Question::share("naive coverage").at_most(0.40).control();
    assert_eq!(verdict_of(0.95, control()), Verdict::Missed);
    assert_eq!(verdict_of(0.25, control()), Verdict::Met);
}

#[test]
fn bytes_do_not_depend_on_threads_nor_on_the_other_bars() {
    let study = |threads, only| run(&options(50, threads, only), &|_| {}).unwrap();
    let one = study(1, Some(BarId::Order));
    assert_eq!(one.to_json(), study(2, Some(BarId::Order)).to_json());
    assert_eq!(one.to_json(), study(16, Some(BarId::Order)).to_json());
    let among_others = run_bars(
        &[BarId::Relabelling, BarId::Order].map(bar::build),
        &options(50, 2, None),
        &|_| {},
    )
    .unwrap();
    assert_eq!(one.bars[0], among_others.bars[1]);
}

#[test]
fn progress_ends_at_the_total() {
    let last = Mutex::new(Vec::new());
    run(&options(50, 2, Some(BarId::Relabelling)), &|progress| {
        last.lock().unwrap().push(progress);
    })
    .unwrap();
    let mut steps = last.into_inner().unwrap();
    steps.sort_by_key(|step| step.done);
    assert_eq!(steps.len(), 9, "three cells of three chunks");
    assert_eq!((steps[8].done, steps[8].total), (150, 150));
}

#[test]
fn a_refusal_names_bar_and_cell() {
    let mut draft = CellDraft::new("n 1").effort(Effort::Fixed(1));
    draft.ask(Question::share("coverage"));
    let cell = draft.experiment(|_, _| Err("too few values".into()));
    let bar = Bar {
        cells: vec![cell],
        ..coin(0.5, Question::share(""))
    };
    let error = run_bars(&[bar], &options(20, 1, None), &|_| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("bar 1 (headline), n 1: "), "{text}");
    assert!(text.ends_with("too few values"), "{text}");
}

#[test]
fn too_few_experiments_are_refused() {
    let error = run(&options(19, 1, None), &|_| {}).unwrap_err().to_string();
    assert_eq!(
        error,
        "19 experiments are too few: at least 20 are needed to say anything"
    );
}

/// 200 experiments cannot prove a bar, but they expose a method that is wrong by much, and bad
/// practice as bad.
#[test]
fn small_studies_miss_nothing_and_their_controls_fail_as_they_must() {
    let quick = [
        BarId::Headline,
        BarId::Refusal,
        BarId::Ratio,
        BarId::TwoStage,
        BarId::Autocorrelation,
        BarId::Order,
        BarId::Margin,
        BarId::Multiplicity,
        BarId::Optimum,
        BarId::WarmUp,
        BarId::Prediction,
        BarId::Quantile,
        BarId::Relabelling,
    ];
    let bars: Vec<Bar> = quick.into_iter().map(bar::build).collect();
    let report = run_bars(&bars, &options(200, 2, None), &|_| {}).unwrap();
    let missed: Vec<String> = report
        .bars
        .iter()
        .flat_map(|bar| bar.rows.iter().map(move |row| (bar.number, row)))
        .filter(|(_, row)| row.verdict == Verdict::Missed)
        .map(|(number, row)| {
            format!(
                "{number} {}: {} {:?}",
                row.cell,
                row.question,
                row.measured.map(|m| m.value)
            )
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
    // The worst practices fail so clearly that 200 experiments show it.
    for (number, question) in [
        (1, "t on pooled iterations: coverage"),
        (2, "percentile: coverage"),
        (5, "t on iterations: coverage"),
        (6, "AAAABBBB, Welch: false differences"),
        (8, "uncorrected: any false claim"),
        (9, "bare argmin is the best"),
        (11, "new runs inside 90 % of the training residuals"),
        (15, "contiguous halves, Welch: differences"),
    ] {
        let bar = report.bars.iter().find(|bar| bar.number == number).unwrap();
        let mut controls = bar
            .rows
            .iter()
            .filter(|row| row.role == Role::NegativeControl);
        assert!(
            controls.any(|row| row.question == question && row.verdict == Verdict::Met),
            "bar {number}: {question}"
        );
    }
}
