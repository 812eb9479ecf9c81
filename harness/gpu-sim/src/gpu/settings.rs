//! Settings of a card, and the clock that follows from them.

use crate::board::Board;
use crate::gpu::Gpu;

/// What can be set. Clocks in MHz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Lowest and highest core clock, where they are locked.
    pub locked_core_mhz: Option<(u32, u32)>,
    /// Lowest and highest memory clock, where they are locked.
    pub locked_memory_mhz: Option<(u32, u32)>,
    /// Application clocks of memory and core, where they are set.
    pub application_mhz: Option<(u32, u32)>,
    /// Power limit in watts.
    pub power_limit_w: f64,
    /// Whether the driver stays loaded without clients.
    pub persistence: bool,
}

impl Settings {
    pub(super) fn of(board: &Board) -> Self {
        Self {
            locked_core_mhz: None,
            locked_memory_mhz: None,
            application_mhz: None,
            power_limit_w: board.limits.power_default_w.value,
            persistence: false,
        }
    }
}

impl Gpu {
    /// Settings in force.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Locks the core clock to a range, or frees it. Bounds are rounded to supported clocks.
    pub fn lock_core_clocks(&mut self, range: Option<(u32, u32)>) {
        let board = self.board();
        let supported = |mhz: u32| board.core_clock_at_most(f64::from(mhz));
        let range = range.map(|(low, high)| (supported(low), supported(high)));
        self.change(|settings| settings.locked_core_mhz = range);
    }

    /// Locks the memory clock to a range, or frees it. Bounds are rounded to supported clocks.
    pub fn lock_memory_clocks(&mut self, range: Option<(u32, u32)>) {
        self.change(|settings| settings.locked_memory_mhz = range);
    }

    /// Sets the clocks of memory and core that work runs at, or gives them back.
    pub fn set_application_clocks(&mut self, clocks: Option<(u32, u32)>) {
        self.change(|settings| settings.application_mhz = clocks);
    }

    /// Sets the power limit in watts, within the limits of the board.
    pub fn set_power_limit_w(&mut self, watts: f64) {
        let limits = &self.board().limits;
        let watts = watts.clamp(limits.power_min_w.value, limits.power_max_w.value);
        self.change(|settings| settings.power_limit_w = watts);
    }

    /// Whether the driver stays loaded without clients.
    pub fn set_persistence(&mut self, on: bool) {
        self.change(|settings| settings.persistence = on);
    }

    fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        self.cut_step();
        change(&mut self.settings);
        self.begin_step();
    }

    /// The core clock that the settings and the work ask for, before any ceiling.
    pub(super) fn wanted_core_mhz(&self) -> u32 {
        let board = self.board();
        let clocks = &board.clocks;
        let idles_low = self.job.is_none() && !self.has_context;
        let free = if idles_low {
            clocks.core_min_mhz.value
        } else {
            match self.settings.application_mhz {
                Some((_, core)) => core,
                None => clocks.core_max_mhz.value,
            }
        };
        if self.faults.clock_not_honoured {
            return free;
        }
        match self.settings.locked_core_mhz {
            Some((low, high)) => free.clamp(low.min(high), high),
            None => free,
        }
    }

    /// The memory clock that the settings ask for.
    pub(super) fn wanted_memory_mhz(&self) -> u32 {
        let board = self.board();
        let highest = match self.settings.application_mhz {
            Some((memory, _)) => memory,
            None => board.memory_max_mhz(),
        };
        let bound = self
            .settings
            .locked_memory_mhz
            .map_or(highest, |(_, high)| high.min(highest));
        let supported = board.memory_clocks().iter().copied();
        supported
            .filter(|clock| *clock <= bound)
            .max()
            .unwrap_or(board.memory_clocks()[0])
    }
}
