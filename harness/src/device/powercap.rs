//! Energy of the processor packages through Linux powercap (RAPL).

use std::path::{Path, PathBuf};

use model::reason::Absence;
use model::units::Microjoules;

/// Where the kernel shows RAPL zones.
pub const POWERCAP_ROOT: &str = "/sys/class/powercap";

/// The package zones of this machine that this user may read.
#[derive(Clone, Debug)]
pub struct Packages {
    counters: Vec<PathBuf>,
    range_uj: u64,
}

impl Packages {
    /// Finds the package zones below a powercap folder.
    ///
    /// # Errors
    /// Why there is no energy: no zone at all, or zones that only root may read.
    pub fn find(root: &Path) -> Result<Self, Absence> {
        let mut zones: Vec<PathBuf> = fs_err::read_dir(root)
            .map_err(|_| Absence::NotSupported)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|zone| is_package(zone))
            .collect();
        zones.sort();
        if zones.is_empty() {
            return Err(Absence::NotSupported);
        }
        let mut range_uj = u64::MAX;
        let mut counters = Vec::new();
        for zone in zones {
            let counter = zone.join("energy_uj");
            read_number(&counter)?;
            range_uj = range_uj.min(read_number(&zone.join("max_energy_range_uj"))?);
            counters.push(counter);
        }
        Ok(Self { counters, range_uj })
    }

    /// The sum over the packages; absent where one of them stopped being readable.
    pub fn energy(&self) -> Option<Microjoules> {
        let sum: u64 = self
            .counters
            .iter()
            .map(|counter| read_number(counter).ok())
            .sum::<Option<u64>>()?;
        Some(Microjoules::new(sum))
    }

    /// The value at which a package counter starts again from zero.
    pub const fn range_uj(&self) -> u64 {
        self.range_uj
    }
}

/// `intel-rapl:0` is a package; `intel-rapl:0:0` is a part of it and must not count twice.
fn is_package(zone: &Path) -> bool {
    let Some(name) = zone.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let Some((kind, index)) = name.split_once(':') else {
        return false;
    };
    matches!(kind, "intel-rapl" | "amd-rapl") && index.chars().all(|c| c.is_ascii_digit())
}

fn read_number(file: &Path) -> Result<u64, Absence> {
    let text = fs_err::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Absence::NoPermission,
        _ => Absence::ReadFailed,
    })?;
    text.trim().parse().map_err(|_| Absence::ReadFailed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(root: &Path, name: &str, energy_uj: &str) {
        let zone = root.join(name);
        fs_err::create_dir_all(&zone).expect("a temporary folder");
        fs_err::write(zone.join("energy_uj"), energy_uj).expect("a temporary file");
        fs_err::write(zone.join("max_energy_range_uj"), "262143328850\n")
            .expect("a temporary file");
    }

    #[test]
    fn packages_are_summed_and_their_parts_are_not() {
        let root = tempfile::tempdir().expect("a temporary folder");
        zone(root.path(), "intel-rapl:0", "1000\n");
        zone(root.path(), "intel-rapl:1", "234\n");
        zone(root.path(), "intel-rapl:0:0", "999999\n");
        let packages = Packages::find(root.path()).expect("two packages");
        assert_eq!(packages.energy(), Some(Microjoules::new(1_234)));
        assert_eq!(packages.range_uj(), 262_143_328_850);
    }

    #[test]
    fn no_zone_is_not_supported_and_garbage_is_a_failed_read() {
        let root = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(
            Packages::find(root.path()).expect_err("empty"),
            Absence::NotSupported
        );
        assert_eq!(
            Packages::find(&root.path().join("missing")).expect_err("missing"),
            Absence::NotSupported
        );
        zone(root.path(), "intel-rapl:0", "many");
        assert_eq!(
            Packages::find(root.path()).expect_err("garbage"),
            Absence::ReadFailed
        );
    }
}
