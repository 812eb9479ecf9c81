//! Bar 11: intervals of predictions.

mod conformal;
mod line;
mod process;

use super::{Bar, BarId};

pub(super) fn bar() -> Bar {
    Bar {
        id: BarId::Prediction,
        title: "conformal intervals of 90 % cover 90.0 to 90.5 % with 199 calibration \
                runs, least squares 94 to 96 %, a Gaussian process 93 to 97 %; calibrating on the \
                training runs fails",
        calls: &[
            "conformal::Calibration::of",
            "regression::ordinary",
            "regression::Fit::mean_interval",
            "regression::Fit::prediction_interval",
            "regression::Fit::coefficient_interval",
            "gaussian_process::GaussianProcess::fit",
        ],
        note: Some(
            "Logarithms of power against clock and load. The conformal cells fit a straight line to \
             a curve: coverage must not depend on the model. They and the process answer with the \
             share of 50 new runs inside. With 199 calibration runs the rank is 180 of 200, so the \
             true coverage is 90 % exactly, the edge of its demand.",
        ),
        cells: conformal::cells()
            .into_iter()
            .chain(line::cells())
            .chain(process::cells())
            .collect(),
    }
}
