//! Calibration: reference tables in, profiles and residuals out.
//!
//! A program, not pasted numbers. The parameters whose source in a profile begins with `fit` are
//! found from what boards of silicon were seen to do ([`Tables`] and a few single facts), starting
//! from priors that stand in this code; every other value of a profile is taken as it is. The same
//! input gives the same bytes, whatever the profiles said before. What is left over is a list of
//! [`Residual`]s, with rows that took no part in the fit.
//!
//! Kept back is not always independent. The voltages of the A100 and the V100 in their profiles were
//! derived by others from the same tables, so those rows check that the emulator is consistent with
//! the derivation. The weight of the small product of the H200 was chosen with its pulsed row in
//! view. The descriptions of softmax and of the small product meet their rates by choice and count
//! as fitted.
//!
//! What cannot be explained: the chip of an H200 stays cooler under streaming kernels than under
//! products of the same power, because much of their heat arises in the memory and beside the
//! multiprocessors; the emulator has one path for heat. And its memory-power field reads 61 to
//! 116 W under products whose traffic (by GPM) makes about 65 W; only streaming kernels and idle
//! are used for the memory.

mod ampere;
mod facts;
mod hopper;
mod least_squares;
mod predict;
mod prior;
mod residual;
mod rewrite;
mod siblings;
mod tables;
mod terms;
mod thermal;
mod volta;

use thiserror::Error;

use crate::board::{Board, BoardError};

pub use predict::{Steady, idle_without_context, pulses, steady};
pub use residual::{Residual, UsedFor, table};
pub use tables::Tables;

/// What the calibration found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Slug and text of each profile that has fitted values, in the order of [`Board::slugs`].
    pub profiles: Vec<(String, String)>,
    /// What is left between silicon and emulation.
    pub residuals: Vec<Residual>,
}

/// Fits the profiles that are compiled in to the tables.
///
/// # Errors
/// Where a table lacks a row, or a profile a value that is to be fitted.
pub fn calibrate(tables: &Tables) -> Result<Calibration, CalibrationError> {
    fit_all(tables, &|slug| {
        Board::text_of(slug).unwrap_or_default().to_owned()
    })
}

fn fit_all(tables: &Tables, texts: Texts<'_>) -> Result<Calibration, CalibrationError> {
    let h200 = hopper::fit(tables, texts)?;
    let a100 = ampere::fit(tables, texts)?;
    let v100 = volta::fit(tables, texts)?;
    let fitted = [
        v100,
        siblings::a100_pcie_40gb(&a100, texts)?,
        a100,
        siblings::h100("h100-nvl", &h200, texts)?,
        siblings::h100("h100-sxm5-80gb", &h200, texts)?,
        h200,
    ];
    let mut residuals = Vec::new();
    let [v100, a100_40, a100, nvl, sxm, h200] = &fitted;
    residuals.extend(hopper::residuals_of(tables, h200)?);
    residuals.extend(siblings::residuals(sxm));
    residuals.extend(siblings::residuals(nvl));
    residuals.extend(ampere::residuals(tables, a100));
    residuals.extend(siblings::residuals(a100_40));
    residuals.extend(volta::residuals(tables, v100));
    Ok(Calibration {
        profiles: fitted
            .into_iter()
            .map(|fitted| (fitted.slug.to_owned(), fitted.text))
            .collect(),
        residuals,
    })
}

/// A profile with fitted values, as text and as the board that it makes.
#[derive(Clone, Debug)]
struct Fitted {
    slug: &'static str,
    text: String,
    board: std::sync::Arc<Board>,
}

impl Fitted {
    fn new(slug: &'static str, profile: &rewrite::Profile) -> Result<Self, CalibrationError> {
        let text = profile.text();
        let board =
            Board::from_toml(&text).map_err(|error| CalibrationError::Board { slug, error })?;
        Ok(Self {
            slug,
            text,
            board: board.into(),
        })
    }
}

/// Gives the text of a profile by its slug.
type Texts<'a> = &'a dyn Fn(&str) -> String;

/// The profile before the fit: as text to be changed, and as a board.
fn template(
    slug: &'static str,
    texts: Texts<'_>,
) -> Result<(rewrite::Profile, Board), CalibrationError> {
    let text = texts(slug);
    let board = Board::from_toml(&text).map_err(|error| CalibrationError::Board { slug, error })?;
    Ok((rewrite::Profile::new(slug, &text), board))
}

/// Why nothing could be fitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalibrationError {
    /// A table lacks a row or a column.
    #[error("{table} lacks {row}: restore it from artifacts/imported")]
    Lacks {
        /// The table.
        table: &'static str,
        /// What it lacks.
        row: String,
    },
    /// A value of a table is none.
    #[error("{table}:{line}: {column} = {value}: expected {expected}")]
    Value {
        /// The table.
        table: &'static str,
        /// Line of its file, from 1.
        line: usize,
        /// Column.
        column: String,
        /// What stands there.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A profile has no place for a fitted value.
    #[error("profile {slug}: {key}: expected {expected}")]
    Profile {
        /// The profile.
        slug: &'static str,
        /// Section and key.
        key: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A profile makes no board, before or after its values are replaced.
    #[error("profile {slug}: {error}")]
    Board {
        /// The profile.
        slug: &'static str,
        /// What is wrong with it.
        error: BoardError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fitted number of a profile by a factor.
    fn disturbed(text: &str, factor: f64) -> String {
        let mut out = String::new();
        for line in text.lines() {
            let number = line
                .split_once(" = { value = ")
                .filter(|_| line.contains("source = \"fit: "))
                .and_then(|(_, rest)| rest.split_once(','))
                .and_then(|(number, _)| number.parse::<f64>().ok());
            match number {
                Some(number) => {
                    let changed = (number * factor).to_string();
                    out.push_str(&line.replacen(&rewrite::number(number), &changed, 1));
                }
                None => out.push_str(line),
            }
            out.push('\n');
        }
        out
    }

    #[test]
    fn what_the_profiles_said_before_does_not_matter() {
        let tables = Tables::of_repository();
        let committed = calibrate(&tables).unwrap();
        let texts = |slug: &str| disturbed(Board::text_of(slug).unwrap(), 0.96);
        assert_ne!(
            texts("h200-sxm-141gb"),
            Board::text_of("h200-sxm-141gb").unwrap()
        );
        assert_eq!(fit_all(&tables, &texts).unwrap(), committed);
    }

    #[test]
    fn a_profile_without_a_place_for_a_value_is_named() {
        let texts = |slug: &str| {
            let text = Board::text_of(slug).unwrap();
            text.replace("source = \"fit: ", "source = \"estimate, once fit ")
        };
        let error = fit_all(&Tables::of_repository(), &texts).unwrap_err();
        assert_eq!(
            error.to_string(),
            "profile h200-sxm-141gb: voltage.knee_mhz: expected a source that says 'fit: …'"
        );
    }
}
