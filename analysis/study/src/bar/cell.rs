//! Cells: one experiment, repeated, and the questions that it answers.

use super::requirement::{Requirement, Role, Target, Unit, Verdict};
use crate::error::Refusal;
use crate::random::Stream;

/// How the answers of many experiments become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Share of experiments that answer yes.
    Share,
    /// Mean of the answers, shown as a share.
    MeanShare,
    /// Mean of the answers.
    Mean,
    /// Median of the answers.
    Median,
}

/// One row of the report before it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) measure: Measure,
    pub(crate) requirement: Requirement,
    pub(crate) role: Role,
    pub(crate) target: Target,
    /// Why a miss is expected, where it is.
    pub(crate) exception: Option<&'static str>,
}

impl Question {
    fn new(text: impl Into<String>, measure: Measure) -> Self {
        Self {
            text: text.into(),
            measure,
            requirement: Requirement::Nothing,
            role: Role::Context,
            target: Target::Other,
            exception: None,
        }
    }

    /// Answered by yes or no.
    pub(crate) fn share(text: impl Into<String>) -> Self {
        Self::new(text, Measure::Share)
    }

    /// Answered by a share, of which the mean counts.
    pub(crate) fn mean_share(text: impl Into<String>) -> Self {
        Self::new(text, Measure::MeanShare)
    }

    /// Answered by a number, of which the mean counts.
    pub(crate) fn mean(text: impl Into<String>) -> Self {
        Self::new(text, Measure::Mean)
    }

    /// Answered by a number, of which the median counts.
    pub(crate) fn median(text: impl Into<String>) -> Self {
        Self::new(text, Measure::Median)
    }

    fn must(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self.role = Role::Bar;
        self
    }

    pub(crate) fn within(self, low: f64, high: f64) -> Self {
        self.must(Requirement::Within { low, high })
    }

    pub(crate) fn at_least(self, least: f64) -> Self {
        self.must(Requirement::AtLeast(least))
    }

    pub(crate) fn at_most(self, most: f64) -> Self {
        self.must(Requirement::AtMost(most))
    }

    pub(crate) fn always(self) -> Self {
        self.must(Requirement::Always)
    }

    /// Marks bad practice: the demand says how it has to fail.
    pub(crate) fn control(mut self) -> Self {
        self.role = Role::NegativeControl;
        self
    }

    pub(crate) fn of(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    pub(crate) fn exception(mut self, reason: &'static str) -> Self {
        self.exception = Some(reason);
        self
    }
}

/// Place of a question in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// Answers of some experiments, by question. An experiment may leave a question open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    by_question: Vec<Vec<f64>>,
}

impl Answers {
    pub(crate) fn new(questions: usize) -> Self {
        Self {
            by_question: vec![Vec::new(); questions],
        }
    }

    pub(crate) fn yes_no(&mut self, slot: Slot, yes: bool) {
        self.value(slot, if yes { 1.0 } else { 0.0 });
    }

    pub(crate) fn value(&mut self, slot: Slot, value: f64) {
        self.by_question[slot.0].push(value);
    }

    /// Appends the answers of later experiments.
    pub(crate) fn append(&mut self, later: Self) {
        for (mine, theirs) in self.by_question.iter_mut().zip(later.by_question) {
            mine.extend(theirs);
        }
    }

    pub(crate) fn of(&self, question: usize) -> &[f64] {
        &self.by_question[question]
    }
}

/// How many experiments a cell makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// As many as the study.
    Whole,
    /// One of so many, because a single experiment is expensive.
    OneIn(usize),
    /// This many, whatever the study: rules that need no statistics.
    Fixed(usize),
}

impl Effort {
    pub(crate) fn experiments(self, study: usize) -> usize {
        match self {
            Self::Whole => study,
            Self::OneIn(part) => study.div_ceil(part),
            Self::Fixed(experiments) => experiments,
        }
    }
}

type Experiment = dyn Fn(&mut Stream, &mut Answers) -> Result<(), Refusal> + Send + Sync;

/// One cell of a bar.
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) effort: Effort,
    pub(crate) questions: Vec<Question>,
    experiment: Box<Experiment>,
}

impl Cell {
    /// Makes one experiment.
    pub(crate) fn experiment(
        &self,
        stream: &mut Stream,
        answers: &mut Answers,
    ) -> Result<(), Refusal> {
        (self.experiment)(stream, answers)
    }
}

/// A cell whose experiment is not given yet.
pub(crate) struct CellDraft {
    name: String,
    effort: Effort,
    questions: Vec<Question>,
}

impl CellDraft {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            effort: Effort::Whole,
            questions: Vec::new(),
        }
    }

    pub(crate) fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Adds a question; the experiment answers it through the slot.
    pub(crate) fn ask(&mut self, question: Question) -> Slot {
        self.questions.push(question);
        Slot(self.questions.len() - 1)
    }

    pub(crate) fn experiment<F>(self, experiment: F) -> Cell
    where
        F: Fn(&mut Stream, &mut Answers) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        Cell {
            name: self.name,
            effort: self.effort,
            questions: self.questions,
            experiment: Box::new(experiment),
        }
    }
}

impl Measure {
    /// Unit of the numbers in the report.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Share | Self::MeanShare => Unit::Share,
            Self::Mean | Self::Median => Unit::Number,
        }
    }
}

impl Question {
    /// The verdict of the row, with the reason of a documented exception.
    pub(crate) fn settle(&self, verdict: Verdict) -> (Verdict, Option<&'static str>) {
        match (verdict, self.exception) {
            (Verdict::Missed, Some(reason)) => (Verdict::Exception, Some(reason)),
            (verdict, _) => (verdict, None),
        }
    }
}
