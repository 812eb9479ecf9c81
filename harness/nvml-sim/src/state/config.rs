//! What a machine is made of. It stands in the state file as JSON and never changes.

use std::sync::Arc;

use gpu_sim::Board;
use serde::{Deserialize, Serialize};

use super::{MAX_GPUS, StateError};

/// Who may change settings of the GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Only root, as a real driver has it.
    #[default]
    Root,
    /// Every user.
    Anyone,
    /// Nobody, root included, as in many containers.
    Nobody,
}

impl Permission {
    /// Every rule with its word on the command line.
    pub const ALL: [(&'static str, Self); 3] = [
        ("root", Self::Root),
        ("anyone", Self::Anyone),
        ("nobody", Self::Nobody),
    ];

    /// The rule with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(word, rule)| (word == name).then_some(rule))
    }
}

/// Where the board of a GPU comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardSource {
    /// A board that this program brings along, by slug or alias.
    Named(String),
    /// The whole text of a profile.
    Profile(String),
}

impl BoardSource {
    /// The board.
    pub fn board(&self) -> Result<Arc<Board>, gpu_sim::BoardError> {
        match self {
            Self::Named(name) => Board::named(name),
            Self::Profile(text) => Board::from_toml(text).map(Arc::new),
        }
    }
}

/// One GPU of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuConfig {
    /// Its board.
    pub board: BoardSource,
    /// Draws what differs from card to card; none makes an ideal card.
    pub seed: Option<u64>,
}

/// Everything that is fixed when a machine is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineConfig {
    /// The GPUs in the order of their indices.
    pub gpus: Vec<GpuConfig>,
    /// Who may change settings.
    pub permission: Permission,
    /// Version of the driver that the library claims to be.
    pub driver_version: String,
    /// Version of CUDA as NVML gives it: 1000 × major + 10 × minor.
    pub cuda_version: i32,
    /// Text of the fault plan, empty for none.
    pub faults: String,
}

/// The driver of the recordings that the H200 profile is fitted to.
pub const DRIVER_VERSION: &str = "580.159.04";
/// The CUDA version that comes with it: 13.0.
pub const CUDA_VERSION: i32 = 13_000;

impl MachineConfig {
    /// A machine of boards by name; each card is drawn from the seed and its index.
    pub fn of_boards<'a>(boards: impl IntoIterator<Item = &'a str>, seed: u64) -> Self {
        Self::of(
            boards
                .into_iter()
                .map(|name| BoardSource::Named(name.to_owned())),
            seed,
        )
    }

    /// A machine of boards from any source; each card is drawn from the seed and its index.
    pub fn of(boards: impl IntoIterator<Item = BoardSource>, seed: u64) -> Self {
        let gpus = (0..)
            .zip(boards)
            .map(|(slot, board)| GpuConfig {
                board,
                seed: Some(seed.wrapping_add(slot)),
            })
            .collect();
        Self {
            gpus,
            permission: Permission::default(),
            driver_version: DRIVER_VERSION.to_owned(),
            cuda_version: CUDA_VERSION,
            faults: String::new(),
        }
    }

    /// The boards, in the order of the GPUs; refuses what no state file may hold.
    pub fn boards(&self) -> Result<Vec<Arc<Board>>, StateError> {
        if self.gpus.is_empty() || self.gpus.len() > MAX_GPUS {
            return Err(StateError::GpuCount(self.gpus.len()));
        }
        self.gpus
            .iter()
            .enumerate()
            .map(|(gpu, config)| {
                config
                    .board
                    .board()
                    .map_err(|source| StateError::Board { gpu, source })
            })
            .collect()
    }
}
