//! Reference tables: read from the text of their files, checked, and nothing more.

use super::CalibrationError;

/// What boards of silicon were seen to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    pub(super) anatomy: Vec<AnatomyRow>,
    pub(super) a100: Vec<ClockRow>,
    pub(super) v100: Vec<VoltageRow>,
}

/// A kernel on an H200.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AnatomyRow {
    pub(super) kernel: String,
    pub(super) power_w: f64,
    pub(super) core_mhz: f64,
    pub(super) start_c: f64,
    pub(super) end_c: f64,
    pub(super) memory_power_w: f64,
    pub(super) flop_per_s: f64,
    pub(super) bytes_per_s: f64,
    pub(super) is_capped: bool,
    pub(super) busy_share: f64,
}

impl AnatomyRow {
    /// Mean temperature in °C.
    pub(super) fn temperature_c(&self) -> f64 {
        f64::midpoint(self.start_c, self.end_c)
    }
}

/// A locked clock of an A100 with time and power of two programs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ClockRow {
    pub(super) core_mhz: u32,
    pub(super) pi_time_s: f64,
    pub(super) pi_power_w: f64,
    pub(super) stream_time_s: f64,
    pub(super) stream_power_w: f64,
    pub(super) stream_gb_per_s: f64,
}

/// A clock of a V100 with its voltage relative to that at [`VOLTAGE_REFERENCE_MHZ`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct VoltageRow {
    pub(super) core_mhz: u32,
    pub(super) ratio: f64,
}

/// Clock at which the voltage ratio of the V100 is 1.
pub(super) const VOLTAGE_REFERENCE_MHZ: u32 = 945;

impl Tables {
    /// Reads the tables from the text of `artifacts/imported/h200-anatomy/anatomy.csv`,
    /// `a100-pi-babelstream/table.csv` and `v100-voltage/table.csv`.
    ///
    /// # Errors
    /// Where a table lacks a column or a row, or a value is none.
    pub fn parse(h200_anatomy: &str, a100: &str, v100: &str) -> Result<Self, CalibrationError> {
        let anatomy = Csv::new("h200-anatomy/anatomy.csv", h200_anatomy)?;
        let clocks = Csv::new("a100-pi-babelstream/table.csv", a100)?;
        let voltages = Csv::new("v100-voltage/table.csv", v100)?;
        let tables = Self {
            anatomy: anatomy.rows(anatomy_row)?,
            a100: clocks.rows(clock_row)?,
            v100: voltages.rows(voltage_row)?,
        };
        let reference = |row: &VoltageRow| row.core_mhz == VOLTAGE_REFERENCE_MHZ;
        if !tables.v100.iter().any(reference) {
            return Err(voltages.lacks(&format!("core_mhz = {VOLTAGE_REFERENCE_MHZ}")));
        }
        Ok(tables)
    }

    /// The tables of this repository.
    #[cfg(test)]
    pub(super) fn of_repository() -> Self {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../artifacts/imported/");
        let read = |file: &str| std::fs::read_to_string(format!("{root}{file}")).unwrap();
        let anatomy = read("h200-anatomy/anatomy.csv");
        let (a100, v100) = (
            read("a100-pi-babelstream/table.csv"),
            read("v100-voltage/table.csv"),
        );
        Self::parse(&anatomy, &a100, &v100).unwrap()
    }

    /// The row of a kernel on the H200.
    pub(super) fn kernel(&self, name: &str) -> Result<&AnatomyRow, CalibrationError> {
        let found = self.anatomy.iter().find(|row| row.kernel == name);
        found.ok_or_else(|| CalibrationError::Lacks {
            table: "h200-anatomy/anatomy.csv",
            row: format!("kernel = {name}"),
        })
    }
}

/// The bit of a power limit among the reasons for a clock.
const SOFTWARE_POWER_CAP: u32 = 4;

fn anatomy_row(line: &Line<'_>) -> Result<AnatomyRow, CalibrationError> {
    let reasons = line.whole("throttle_bits")?;
    let core_mhz = line.number("sm_mhz_mean")?;
    let highest = line.number("sm_mhz_max")?;
    // A clock that never moves is a limit of the clock, not of power.
    let moves = highest > line.number("sm_mhz_min")?;
    Ok(AnatomyRow {
        kernel: line.text("kernel")?.to_owned(),
        power_w: line.number("power_w")?,
        core_mhz,
        start_c: line.number("temp_c_start")?,
        end_c: line.number("temp_c_end")?,
        memory_power_w: line.number("mem_power_w")?,
        flop_per_s: line.number("flop_per_s")?,
        bytes_per_s: line.number("bytes_per_s")?,
        is_capped: reasons & SOFTWARE_POWER_CAP != 0 && moves,
        busy_share: line.number("gpm_1")? / 100.0,
    })
}

fn clock_row(line: &Line<'_>) -> Result<ClockRow, CalibrationError> {
    Ok(ClockRow {
        core_mhz: line.whole("core_mhz")?,
        pi_time_s: line.number("pi_time_s")?,
        pi_power_w: line.number("pi_power_w")?,
        stream_time_s: line.number("stream_time_s")?,
        stream_power_w: line.number("stream_power_w")?,
        stream_gb_per_s: line.number("stream_gb_per_s")?,
    })
}

fn voltage_row(line: &Line<'_>) -> Result<VoltageRow, CalibrationError> {
    Ok(VoltageRow {
        core_mhz: line.whole("core_mhz")?,
        ratio: line.number("voltage_ratio")?,
    })
}

/// Comma-separated values without quotes, under one line of names.
struct Csv<'a> {
    table: &'static str,
    names: Vec<&'a str>,
    lines: Vec<(usize, &'a str)>,
}

struct Line<'a> {
    table: &'static str,
    names: &'a [&'a str],
    number: usize,
    values: Vec<&'a str>,
}

impl<'a> Csv<'a> {
    fn new(table: &'static str, text: &'a str) -> Result<Self, CalibrationError> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty());
        let (_, head) = lines.next().ok_or(CalibrationError::Lacks {
            table,
            row: "the line with the names of its columns".to_owned(),
        })?;
        Ok(Self {
            table,
            names: head.split(',').collect(),
            lines: lines.collect(),
        })
    }

    fn rows<R>(
        &self,
        read: impl Fn(&Line<'_>) -> Result<R, CalibrationError>,
    ) -> Result<Vec<R>, CalibrationError> {
        if self.lines.is_empty() {
            return Err(self.lacks("any row"));
        }
        self.lines
            .iter()
            .map(|(number, line)| {
                read(&Line {
                    table: self.table,
                    names: &self.names,
                    number: *number,
                    values: line.split(',').collect(),
                })
            })
            .collect()
    }

    fn lacks(&self, row: &str) -> CalibrationError {
        CalibrationError::Lacks {
            table: self.table,
            row: row.to_owned(),
        }
    }
}

impl Line<'_> {
    fn text(&self, column: &str) -> Result<&str, CalibrationError> {
        let place = self.names.iter().position(|name| *name == column);
        place
            .and_then(|place| self.values.get(place))
            .copied()
            .ok_or_else(|| self.refused(column, "nothing", "a value in this column"))
    }

    fn number(&self, column: &str) -> Result<f64, CalibrationError> {
        let text = self.text(column)?;
        let value: Option<f64> = text.parse().ok();
        value
            .filter(|value| value.is_finite() && *value >= 0.0)
            .ok_or_else(|| self.refused(column, text, "a number, not negative"))
    }

    fn whole(&self, column: &str) -> Result<u32, CalibrationError> {
        let text = self.text(column)?;
        text.parse()
            .map_err(|_| self.refused(column, text, "a whole number, not negative"))
    }

    fn refused(&self, column: &str, value: &str, expected: &'static str) -> CalibrationError {
        CalibrationError::Value {
            table: self.table,
            line: self.number,
            column: column.to_owned(),
            value: value.to_owned(),
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V100: &str = "core_mhz,voltage_ratio\n945,1.0\n1380,1.244\n";

    #[test]
    fn rows_are_read_by_the_names_of_their_columns() {
        let csv = Csv::new("t", "voltage_ratio,core_mhz\n1.1,1200\n\n").unwrap();
        let rows = csv.rows(voltage_row).unwrap();
        assert_eq!(
            rows,
            [VoltageRow {
                core_mhz: 1_200,
                ratio: 1.1
            }]
        );
    }

    #[test]
    fn a_bad_table_is_refused_with_file_line_and_column() {
        let error = |text: &str| {
            let csv = Csv::new("v100-voltage/table.csv", text).unwrap();
            csv.rows(voltage_row).unwrap_err().to_string()
        };
        assert_eq!(
            error(&V100.replace("1.244", "high")),
            "v100-voltage/table.csv:3: voltage_ratio = high: expected a number, not negative"
        );
        assert!(error("core_mhz\n945\n").contains("voltage_ratio = nothing"));
        assert!(error("core_mhz,voltage_ratio\n").contains("lacks any row"));
        assert!(Csv::new("t", "\n").is_err());
    }

    #[test]
    fn a_table_without_its_reference_is_refused() {
        let a100 = "core_mhz,pi_time_s,pi_power_w,stream_time_s,stream_power_w,stream_gb_per_s\n1,1,1,1,1,1\n";
        let h200 = "kernel,power_w,sm_mhz_mean,sm_mhz_min,sm_mhz_max,temp_c_start,temp_c_end,\
                    mem_power_w,flop_per_s,bytes_per_s,throttle_bits,gpm_1\nk,1,1,1,1,1,1,1,1,1,4,1\n";
        let tables = Tables::parse(h200, a100, V100).unwrap();
        assert!(!tables.anatomy[0].is_capped, "its clock does not move");
        assert!(tables.kernel("copy").is_err());
        let error = Tables::parse(h200, a100, &V100.replace("945", "946")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "v100-voltage/table.csv lacks core_mhz = 945: restore it from artifacts/imported"
        );
    }
}
