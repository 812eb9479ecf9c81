//! What makes a profile a board.

use model::cost::Pipe;

use super::{Board, BoardError, VoltageCurve};

impl Board {
    /// Refuses the first value that no board can have.
    pub(super) fn check(&self) -> Result<(), BoardError> {
        self.check_clocks()?;
        self.check_limits()?;
        self.check_voltage()?;
        self.check_power()?;
        self.check_throughput()?;
        self.check_thermal()?;
        self.check_loops()
    }

    fn check_clocks(&self) -> Result<(), BoardError> {
        let clocks = &self.clocks;
        let (low, high) = (clocks.core_min_mhz.value, clocks.core_max_mhz.value);
        within("clocks.core_min_mhz", f64::from(low), 1.0, 10_000.0)?;
        within(
            "clocks.core_max_mhz",
            f64::from(high),
            f64::from(low),
            10_000.0,
        )?;
        within(
            "clocks.core_step_mhz",
            clocks.core_step_mhz.value,
            1.0,
            1_000.0,
        )?;
        within(
            "clocks.default_application_mhz",
            f64::from(clocks.default_application_mhz.value),
            f64::from(low),
            f64::from(high),
        )?;
        let memory = &clocks.memory_mhz.value;
        if memory.is_empty() || memory.windows(2).any(|pair| pair[0] >= pair[1]) || memory[0] == 0 {
            return Err(refused(
                "clocks.memory_mhz",
                format!("{memory:?}"),
                "ascending clocks, at least one",
            ));
        }
        within(
            "clocks.switch_median_ms",
            clocks.switch_median_ms.value,
            0.0,
            10_000.0,
        )?;
        within("clocks.switch_log_sd", clocks.switch_log_sd.value, 0.0, 3.0)?;
        within(
            "clocks.switch_tail_share",
            clocks.switch_tail_share.value,
            0.0,
            1.0,
        )?;
        let [short, long] = clocks.switch_tail_ms.value;
        within("clocks.switch_tail_ms", short, 0.0, 10_000.0)?;
        within("clocks.switch_tail_ms", long, short, 10_000.0)
    }

    fn check_limits(&self) -> Result<(), BoardError> {
        let limits = &self.limits;
        within(
            "limits.power_min_w",
            limits.power_min_w.value,
            1.0,
            10_000.0,
        )?;
        within(
            "limits.power_max_w",
            limits.power_max_w.value,
            limits.power_min_w.value,
            10_000.0,
        )?;
        within(
            "limits.power_default_w",
            limits.power_default_w.value,
            limits.power_min_w.value,
            limits.power_max_w.value,
        )?;
        within(
            "limits.max_operating_c",
            limits.max_operating_c.value,
            20.0,
            150.0,
        )?;
        within(
            "limits.slowdown_c",
            limits.slowdown_c.value,
            limits.max_operating_c.value,
            150.0,
        )?;
        within(
            "limits.shutdown_c",
            limits.shutdown_c.value,
            limits.slowdown_c.value,
            150.0,
        )
    }

    fn check_voltage(&self) -> Result<(), BoardError> {
        match &self.voltage {
            VoltageCurve::Points { points } => {
                let points = &points.value;
                let ascends = points
                    .windows(2)
                    .all(|pair| pair[0][0] < pair[1][0] && pair[0][1] <= pair[1][1]);
                if points.is_empty() || !ascends {
                    return Err(refused(
                        "voltage.points",
                        format!("{points:?}"),
                        "points of MHz and V, both ascending",
                    ));
                }
                points
                    .iter()
                    .try_for_each(|[_, volts]| within("voltage.points", *volts, 0.3, 1.6))
            }
            VoltageCurve::Knee {
                knee_mhz,
                knee_v,
                max_v,
                exponent,
            } => {
                within(
                    "voltage.knee_mhz",
                    knee_mhz.value,
                    1.0,
                    f64::from(self.clocks.core_max_mhz.value) - 1.0,
                )?;
                within("voltage.knee_v", knee_v.value, 0.3, 1.6)?;
                within("voltage.max_v", max_v.value, knee_v.value, 1.6)?;
                within("voltage.exponent", exponent.value, 0.5, 5.0)
            }
        }
    }

    fn check_power(&self) -> Result<(), BoardError> {
        let power = &self.power;
        let watts = [
            ("power.fixed_w", power.fixed_w.value),
            ("power.memory_idle_w", power.memory_idle_w.value),
            ("power.leakage_w", power.leakage_w.value),
            (
                "power.idle_clock_mw_per_mhz",
                power.idle_clock_mw_per_mhz.value,
            ),
            (
                "power.busy_clock_mw_per_mhz",
                power.busy_clock_mw_per_mhz.value,
            ),
            ("power.cache_pj_per_byte", power.cache_pj_per_byte.value),
            ("power.dram_pj_per_byte", power.dram_pj_per_byte.value),
        ];
        for (key, value) in watts {
            within(key, value, 0.0, 10_000.0)?;
        }
        within("power.leakage_per_k", power.leakage_per_k.value, 0.0, 0.1)?;
        within(
            "power.zero_toggle_share",
            power.zero_toggle_share.value,
            0.0,
            1.0,
        )?;
        within(
            "power.constant_traffic_share",
            power.constant_traffic_share.value,
            0.0,
            1.0,
        )?;
        for (pipe, energy) in &power.operation_pj {
            within(
                &format!("power.operation_pj.{}", pipe.name()),
                energy.value,
                0.0,
                10_000.0,
            )?;
        }
        Ok(())
    }

    fn check_throughput(&self) -> Result<(), BoardError> {
        let throughput = &self.throughput;
        for (pipe, rate) in &throughput.operations_per_clock {
            let key = |table: &str| format!("{table}.{}", pipe.name());
            within(
                &key("throughput.operations_per_clock"),
                rate.value,
                1.0,
                1e9,
            )?;
            let efficiency = throughput.efficiency.get(pipe).map(|share| share.value);
            within(
                &key("throughput.efficiency"),
                efficiency.unwrap_or_default(),
                0.01,
                1.0,
            )?;
            if !self.power.operation_pj.contains_key(pipe) {
                return Err(refused(
                    &key("power.operation_pj"),
                    "absent".to_owned(),
                    "an energy for each pipe that the board has",
                ));
            }
        }
        if !throughput.operations_per_clock.contains_key(&Pipe::Fp32) {
            return Err(refused(
                "throughput.operations_per_clock.fp32",
                "absent".to_owned(),
                "a rate: every board has this pipe",
            ));
        }
        let rates = [
            ("throughput.dram_gb_per_s", throughput.dram_gb_per_s.value),
            (
                "throughput.dram_peak_gb_per_s",
                throughput.dram_peak_gb_per_s.value,
            ),
            (
                "throughput.dram_bytes_per_clock",
                throughput.dram_bytes_per_clock.value,
            ),
            (
                "throughput.cache_bytes_per_clock",
                throughput.cache_bytes_per_clock.value,
            ),
        ];
        for (key, value) in rates {
            within(key, value, 1.0, 1e9)?;
        }
        within(
            "throughput.kernel_gap_us",
            throughput.kernel_gap_us.value,
            0.0,
            1e6,
        )?;
        within(
            "throughput.exposed_share",
            throughput.exposed_share.value,
            0.0,
            1.0,
        )?;
        within("throughput.time_sd", throughput.time_sd.value, 0.0, 0.2)
    }

    fn check_thermal(&self) -> Result<(), BoardError> {
        within(
            "thermal.ambient_c",
            self.thermal.ambient_c.value,
            -20.0,
            60.0,
        )?;
        let poles = &self.thermal.poles.value;
        if poles.is_empty() || poles.len() > 8 {
            return Err(refused(
                "thermal.poles",
                format!("{} poles", poles.len()),
                "one to eight",
            ));
        }
        for [tau_s, k_per_w] in poles {
            within("thermal.poles", *tau_s, 1e-4, 1e5)?;
            within("thermal.poles", *k_per_w, 0.0, 10.0)?;
        }
        within(
            "thermal.memory_k_per_w",
            self.thermal.memory_k_per_w.value,
            0.0,
            10.0,
        )
    }

    fn check_loops(&self) -> Result<(), BoardError> {
        let governor = &self.governor;
        within("governor.period_ms", governor.period_ms.value, 1.0, 1_000.0)?;
        within(
            "governor.fast_tau_ms",
            governor.fast_tau_ms.value,
            1.0,
            10_000.0,
        )?;
        within("governor.fast_target", governor.fast_target.value, 0.5, 2.0)?;
        within("governor.slow_onset", governor.slow_onset.value, 0.5, 2.0)?;
        within("governor.slow_gain", governor.slow_gain.value, 0.0, 100.0)?;
        within("governor.slow_floor", governor.slow_floor.value, 0.1, 1.0)?;
        let sensors = &self.sensors;
        let times = [
            ("sensors.power_period_ms", sensors.power_period_ms.value),
            ("sensors.power_window_ms", sensors.power_window_ms.value),
            ("sensors.energy_tick_ms", sensors.energy_tick_ms.value),
            ("sensors.slow_period_ms", sensors.slow_period_ms.value),
            ("sensors.ring_period_ms", sensors.ring_period_ms.value),
        ];
        for (key, value) in times {
            within(key, value, 0.1, 10_000.0)?;
        }
        if let Some(window) = &sensors.average_window_ms {
            within("sensors.average_window_ms", window.value, 1.0, 10_000.0)?;
        } else if sensors.power_usage == super::PowerUsage::Average {
            return Err(refused(
                "sensors.power_usage",
                "average".to_owned(),
                "'instant' on a board without average_window_ms",
            ));
        }
        within(
            "sensors.instant_step_w",
            sensors.instant_step_w.value,
            0.001,
            10.0,
        )?;
        within(
            "sensors.average_step_w",
            sensors.average_step_w.value,
            0.001,
            10.0,
        )?;
        within(
            "sensors.ring_samples",
            f64::from(sensors.ring_samples.value),
            1.0,
            10_000.0,
        )?;
        for (key, spread) in [
            ("sensors.gain.sd", &sensors.gain),
            ("sensors.offset_w.sd", &sensors.offset_w),
            ("sensors.silicon_voltage.sd", &sensors.silicon_voltage),
            ("thermal.ambient_c.sd", &self.thermal.ambient_c),
        ] {
            within(key, spread.sd, 0.0, 50.0)?;
        }
        within("sensors.gain", sensors.gain.value, 0.5, 1.5)
    }
}

fn within(key: &str, value: f64, low: f64, high: f64) -> Result<(), BoardError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(refused(
        key,
        value.to_string(),
        &format!("a number from {low} to {high}"),
    ))
}

fn refused(key: &str, value: String, expected: &str) -> BoardError {
    BoardError::Value {
        key: key.to_owned(),
        value,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(from: &str, to: &str) -> String {
        let text = Board::text_of("h200-sxm-141gb").unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{from} must stand in the profile");
        Board::from_toml(&changed).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_profile_is_refused_with_key_and_expectation() {
        assert_eq!(
            broken("core_min_mhz = { value = 345", "core_min_mhz = { value = 0"),
            "clocks.core_min_mhz = 0: expected a number from 1 to 10000"
        );
        assert!(broken("[limits]", "[limits]\nnonsense = 1").contains("nonsense"));
        assert!(broken("product_name", "product_nam").contains("product_nam"));
        assert!(
            broken("architecture = \"hopper\"", "architecture = \"turing\"").contains("turing")
        );
    }

    #[test]
    fn an_unknown_board_is_told_the_known_ones() {
        let error = Board::named("b300").unwrap_err().to_string();
        assert!(
            error.starts_with("no board 'b300': expected one of v100-pcie-32gb, a100-pcie-40gb"),
            "{error}"
        );
    }
}
