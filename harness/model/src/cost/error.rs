//! Why the work of a point cannot be counted.

use crate::axis::Axis;

/// The point does not say enough, or says what its model cannot do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// An axis that decides how much work there is has no value.
    #[error("axis '{axis}' is missing: the work of {subject} cannot be counted without it")]
    Missing {
        /// The axis.
        axis: Axis,
        /// The model, or what was asked for.
        subject: String,
    },
    /// A value that the model cannot run at.
    #[error("axis '{axis}' has the value '{value}', expected {expected}")]
    Value {
        /// The axis.
        axis: Axis,
        /// What the point says.
        value: String,
        /// What would have been right.
        expected: String,
    },
    /// An axis that means nothing to the model.
    #[error("axis '{axis}' does not apply to model '{model}': leave it out of the point")]
    DoesNotApply {
        /// The axis.
        axis: Axis,
        /// The model.
        model: String,
    },
}
