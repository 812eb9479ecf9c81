//! The boards that are compiled in, and reading others.

use std::sync::{Arc, LazyLock};

use thiserror::Error;

use super::Board;

/// Slug and text of each profile.
const PROFILES: [(&str, &str); 6] = [
    (
        "v100-pcie-32gb",
        include_str!("../../profiles/v100-pcie-32gb.toml"),
    ),
    (
        "a100-pcie-40gb",
        include_str!("../../profiles/a100-pcie-40gb.toml"),
    ),
    (
        "a100-pcie-80gb",
        include_str!("../../profiles/a100-pcie-80gb.toml"),
    ),
    ("h100-nvl", include_str!("../../profiles/h100-nvl.toml")),
    (
        "h100-sxm5-80gb",
        include_str!("../../profiles/h100-sxm5-80gb.toml"),
    ),
    (
        "h200-sxm-141gb",
        include_str!("../../profiles/h200-sxm-141gb.toml"),
    ),
];

static BOARDS: LazyLock<Vec<Arc<Board>>> = LazyLock::new(|| {
    PROFILES
        .iter()
        .map(|(slug, text)| {
            let board = Board::from_toml(text)
                .unwrap_or_else(|error| panic!("profiles/{slug}.toml is compiled in: {error}"));
            Arc::new(board)
        })
        .collect()
});

impl Board {
    /// The board of this slug or alias.
    ///
    /// # Errors
    /// [`BoardError::Unknown`], with the names that are known.
    pub fn named(name: &str) -> Result<Arc<Self>, BoardError> {
        BOARDS
            .iter()
            .find(|board| board.slug == name || board.aliases.iter().any(|alias| alias == name))
            .cloned()
            .ok_or_else(|| BoardError::Unknown {
                name: name.to_owned(),
                known: Self::slugs().collect::<Vec<_>>().join(", "),
            })
    }

    /// The slugs of the boards that are compiled in.
    pub fn slugs() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|(slug, _)| *slug)
    }

    /// The text of a profile that is compiled in, by its slug.
    pub fn text_of(slug: &str) -> Option<&'static str> {
        PROFILES
            .iter()
            .find(|(known, _)| *known == slug)
            .map(|(_, text)| *text)
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// Where it is no TOML, lacks a value, or a value makes no board.
    pub fn from_toml(text: &str) -> Result<Self, BoardError> {
        let board: Self = toml::from_str(text).map_err(|error| BoardError::Syntax {
            reason: error.to_string().trim().to_owned(),
        })?;
        board.check()?;
        Ok(board)
    }
}

/// A board that does not exist or a profile that makes none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BoardError {
    /// No board of this name.
    #[error("no board '{name}': expected one of {known}, or the path of a profile")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that are known.
        known: String,
    },
    /// The text is no profile.
    #[error("{reason}")]
    Syntax {
        /// What the parser said, with line and key.
        reason: String,
    },
    /// A value makes no board.
    #[error("{key} = {value}: expected {expected}")]
    Value {
        /// Key in the profile.
        key: String,
        /// The value.
        value: String,
        /// What was expected.
        expected: String,
    },
}
