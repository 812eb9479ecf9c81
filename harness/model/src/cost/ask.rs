//! What a point asks of its model, read from the axes.

use super::error::CostError;
use super::number_format::NumberFormat;
use crate::axis::{Axis, AxisValue};
use crate::decimal::Decimal;
use crate::point::Point;

/// Axes that every model takes, or that do not change the counts: the algorithm is the same
/// whichever implementation runs, and whatever its weights are.
const OF_EVERY_MODEL: [Axis; 11] = [
    Axis::Engine,
    Axis::Model,
    Axis::Precision,
    Axis::Batch,
    Axis::Implementation,
    Axis::Attention,
    Axis::Graph,
    Axis::Sampling,
    Axis::Weights,
    Axis::SmClockMhz,
    Axis::PowerCapW,
];

/// A point, read by a model.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    point: &'a Point,
    model: &'a str,
    pub(super) format: NumberFormat,
    pub(super) batch: u64,
}

impl<'a> Ask<'a> {
    /// Reads what every model needs, and refuses axes that mean nothing to this one.
    pub(super) fn read(
        point: &'a Point,
        model: &'a str,
        own_axes: &[Axis],
    ) -> Result<Self, CostError> {
        for (axis, value) in point.iter() {
            let dense = axis == Axis::Quantisation && value.as_text() == Some("none");
            if !OF_EVERY_MODEL.contains(&axis) && !own_axes.contains(&axis) && !dense {
                return Err(CostError::DoesNotApply {
                    axis,
                    model: model.to_owned(),
                });
            }
        }
        let quantisation = match point.get(Axis::Quantisation) {
            None => "none",
            Some(_) => word(point, Axis::Quantisation, model)?,
        };
        Ok(Self {
            point,
            model,
            format: NumberFormat::of(word(point, Axis::Precision, model)?, quantisation)?,
            batch: number(point, Axis::Batch, model)?,
        })
    }

    /// A count that the work cannot do without.
    pub(super) fn count(&self, axis: Axis) -> Result<u64, CostError> {
        number(self.point, axis, self.model)
    }

    /// A count that has a native value.
    pub(super) fn count_or(&self, axis: Axis, native: u64) -> Result<u64, CostError> {
        match self.point.get(axis) {
            None => Ok(native),
            Some(_) => self.count(axis),
        }
    }

    /// A number, where the point has it.
    pub(super) fn decimal(&self, axis: Axis) -> Result<Option<Decimal>, CostError> {
        let Some(value) = self.point.get(axis) else {
            return Ok(None);
        };
        value
            .as_decimal()
            .map(Some)
            .ok_or_else(|| CostError::Value {
                axis,
                value: value.to_string(),
                expected: axis.domain().to_string(),
            })
    }

    /// The one phase that is asked for.
    pub(super) fn phase(&self) -> Option<&str> {
        self.point.get(Axis::Phase).and_then(AxisValue::as_text)
    }

    /// What an encoder of text computes from its last states, where the point says so.
    pub(super) fn head(&self) -> Option<&str> {
        self.point.get(Axis::Head).and_then(AxisValue::as_text)
    }

    /// The edge of an image: a multiple of `step`.
    pub(super) fn resolution(&self, native: u64, step: u64) -> Result<u64, CostError> {
        let edge = self.count_or(Axis::ResolutionPx, native)?;
        if edge.is_multiple_of(step) {
            return Ok(edge);
        }
        Err(self.value(Axis::ResolutionPx, edge, &format!("a multiple of {step}")))
    }

    /// Refuses a sequence that is longer than the positions that a model learned.
    pub(super) fn fits(&self, axis: Axis, value: u64, most: u64) -> Result<(), CostError> {
        if value <= most {
            return Ok(());
        }
        Err(self.value(axis, value, &format!("at most {most}")))
    }

    fn value(&self, axis: Axis, value: u64, expected: &str) -> CostError {
        CostError::Value {
            axis,
            value: value.to_string(),
            expected: format!("{expected} for model '{}'", self.model),
        }
    }
}

/// The word of an axis.
pub(super) fn word<'a>(point: &'a Point, axis: Axis, subject: &str) -> Result<&'a str, CostError> {
    let value = present(point, axis, subject)?;
    value.as_text().ok_or_else(|| CostError::Value {
        axis,
        value: value.to_string(),
        expected: axis.domain().to_string(),
    })
}

fn number(point: &Point, axis: Axis, subject: &str) -> Result<u64, CostError> {
    let value = present(point, axis, subject)?;
    let number = value.as_integer().filter(|number| *number > 0);
    number.ok_or_else(|| CostError::Value {
        axis,
        value: value.to_string(),
        expected: axis.domain().to_string(),
    })
}

fn present<'a>(point: &'a Point, axis: Axis, subject: &str) -> Result<&'a AxisValue, CostError> {
    point.get(axis).ok_or_else(|| CostError::Missing {
        axis,
        subject: subject.to_owned(),
    })
}
