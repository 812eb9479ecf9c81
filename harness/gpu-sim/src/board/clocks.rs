//! The clocks that a board supports.

use super::Board;

impl Board {
    /// Supported core clocks in MHz, ascending.
    pub fn core_clocks(&self) -> Vec<u32> {
        let clocks = &self.clocks;
        let (low, high) = (clocks.core_min_mhz.value, clocks.core_max_mhz.value);
        (0u32..=10_000)
            .map(|step| whole(f64::from(low) + f64::from(step) * clocks.core_step_mhz.value))
            .take_while(|clock| *clock <= high)
            .collect()
    }

    /// The clocks that the predecessor's studies swept, in MHz, ascending.
    pub fn study_clocks(&self) -> Vec<u32> {
        let mut clocks = self.core_clocks();
        clocks.retain(|clock| *clock >= self.clocks.study_min_mhz.value);
        clocks
    }

    /// Supported memory clocks in MHz, ascending.
    pub fn memory_clocks(&self) -> &[u32] {
        &self.clocks.memory_mhz.value
    }

    /// The highest memory clock in MHz.
    pub fn memory_max_mhz(&self) -> u32 {
        self.memory_clocks()
            .last()
            .copied()
            .expect("a checked profile has a memory clock")
    }

    /// The highest supported core clock not above this one; the lowest where all are above.
    pub fn core_clock_at_most(&self, mhz: f64) -> u32 {
        let clocks = &self.clocks;
        let low = f64::from(clocks.core_min_mhz.value);
        let high = f64::from(clocks.core_max_mhz.value);
        let step = clocks.core_step_mhz.value;
        let mhz = mhz.clamp(low, high);
        let steps = ((mhz - low) / step + 1e-9).floor();
        let here = whole(low + steps * step);
        // Fractions of a step are cut off, so the next step may still fit.
        let next = whole(low + (steps + 1.0) * step);
        if f64::from(next) <= mhz { next } else { here }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clocks are small positive numbers, and a fraction of a MHz is cut off on purpose"
)]
fn whole(mhz: f64) -> u32 {
    mhz as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of supported and studied clocks as the predecessor recorded them on such boards.
    #[test]
    fn the_tables_of_the_boards_are_those_that_drivers_list() {
        let expected = [
            ("v100-pcie-32gb", 167, 117, 135, 1_380),
            ("a100-pcie-40gb", 81, 61, 210, 1_410),
            ("a100-pcie-80gb", 81, 61, 210, 1_410),
            ("h100-nvl", 97, 86, 345, 1_785),
            ("h100-sxm5-80gb", 110, 99, 345, 1_980),
            ("h200-sxm-141gb", 110, 99, 345, 1_980),
        ];
        for (slug, supported, studied, low, high) in expected {
            let board = Board::named(slug).unwrap();
            let clocks = board.core_clocks();
            assert_eq!(clocks.len(), supported, "{slug}");
            assert_eq!((clocks[0], clocks[supported - 1]), (low, high), "{slug}");
            assert_eq!(board.study_clocks().len(), studied, "{slug}");
        }
    }

    #[test]
    fn the_steps_of_a_v100_are_seven_and_eight() {
        let clocks = Board::named("v100").unwrap().core_clocks();
        assert_eq!(clocks[..6], [135, 142, 150, 157, 165, 172]);
        assert_eq!(clocks[164..], [1_365, 1_372, 1_380]);
    }

    #[test]
    fn any_clock_is_rounded_down_to_a_supported_one() {
        for board in Board::slugs().map(|slug| Board::named(slug).unwrap()) {
            let clocks = board.core_clocks();
            for mhz in 0..2_200 {
                let expected = clocks
                    .iter()
                    .rev()
                    .find(|c| **c <= mhz)
                    .unwrap_or(&clocks[0]);
                assert_eq!(
                    board.core_clock_at_most(f64::from(mhz)),
                    *expected,
                    "{} {mhz}",
                    board.slug
                );
            }
        }
    }
}
