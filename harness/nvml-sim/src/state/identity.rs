//! What tells one emulated GPU from another.

use sha2::{Digest, Sha256};

/// Names of a GPU as a driver shows them; a function of board, seed and place in the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `GPU-` and a UUID.
    pub uuid: String,
    /// Serial number. It begins with `EMU`, so that nobody takes the board for a real one.
    pub serial: String,
    /// PCI address as NVML writes it: `00000000:3B:00.0`.
    pub bus_id: String,
    /// Number of the PCI bus, as in `bus_id`.
    pub bus: u32,
    /// Number of the device file `/dev/nvidiaN`.
    pub minor: u32,
}

/// Buses of the slots, in the order of the GPUs, as a server with eight risers numbers them.
const BUSES: [u32; 16] = [
    0x1B, 0x3B, 0x43, 0x52, 0x9B, 0xBB, 0xC3, 0xD1, 0x1C, 0x3C, 0x44, 0x53, 0x9C, 0xBC, 0xC4, 0xD2,
];

impl Identity {
    /// The identity of a board with this seed in this slot.
    pub fn of(board_slug: &str, seed: u64, slot: u32) -> Self {
        let digest = Sha256::digest(format!(
            "joulebench emulated GPU\n{board_slug}\n{seed}\n{slot}"
        ));
        let hex: String = digest
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect();
        let number = digest[16..24]
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let bus = BUSES[slot as usize % BUSES.len()];
        Self {
            uuid: format!(
                "GPU-{}-{}-4{}-a{}-{}",
                &hex[0..8],
                &hex[8..12],
                &hex[13..16],
                &hex[17..20],
                &hex[20..32]
            ),
            serial: format!("EMU{:010}", number % 10_000_000_000),
            bus_id: format!("00000000:{bus:02X}:00.0"),
            bus,
            minor: slot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_function_of_board_seed_and_slot() {
        let first = Identity::of("h100-nvl", 1, 0);
        assert_eq!(first, Identity::of("h100-nvl", 1, 0));
        for other in [
            Identity::of("h100-nvl", 2, 0),
            Identity::of("h100-nvl", 1, 1),
            Identity::of("v100-pcie-32gb", 1, 0),
        ] {
            assert_ne!(first.uuid, other.uuid);
            assert_ne!(first.serial, other.serial);
        }
        assert_eq!(first.bus_id, "00000000:1B:00.0");
        let groups: Vec<usize> = first.uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [3, 8, 4, 4, 4, 12]);
        assert!(first.serial.starts_with("EMU"));
    }

    #[test]
    fn the_slots_of_a_full_machine_lie_on_different_buses() {
        let mut buses: Vec<u32> = (0..16).map(|slot| Identity::of("x", 1, slot).bus).collect();
        buses.sort_unstable();
        buses.dedup();
        assert_eq!(buses.len(), 16);
    }
}
