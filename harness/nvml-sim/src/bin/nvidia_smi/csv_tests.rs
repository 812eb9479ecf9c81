//! The rows, against the grammar of the programs that read them.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::item::{ClockOf, Domain, Item};
use crate::synthetic::Synthetic;

/// What the predecessor framework asks for since July 2025.
const SEVENTEEN: &str = "timestamp,index,name,power.draw,power.limit,temperature.gpu,\
    utilization.gpu,utilization.memory,memory.total,memory.free,memory.used,clocks.sm,clocks.mem,\
    clocks.gr,clocks.applications.graphics,clocks.applications.memory,pstate";
/// What it asked for before.
const FIFTEEN: &str = "timestamp,index,name,power.draw,power.limit,temperature.gpu,\
    utilization.gpu,utilization.memory,memory.total,memory.free,memory.used,clocks.sm,clocks.mem,\
    clocks.gr,pstate";

const BARE: Format = Format {
    header: false,
    units: false,
};

fn moment() -> Timestamp {
    Timestamp::from_duration_since_1970(Duration::from_millis(1_752_023_856_754))
}

fn fields(query: Query, names: &str) -> Vec<&'static Field> {
    names
        .split(',')
        .map(|name| query.field(name).expect("a known field"))
        .collect()
}

fn print(query: Query, names: &str, format: Format, cards: &[Synthetic]) -> String {
    let fields = fields(query, names);
    let system = Synthetic::system();
    let table = Table {
        query,
        fields: &fields,
        format,
        system: &system,
    };
    let mut text = table.header();
    for card in cards {
        text.push_str(&table.rows(card, moment()).expect("rows"));
    }
    text
}

/// A reader as strict as the predecessor's: it splits at `", "`, wants each number to be one, and
/// lets a bracketed reason stand for a missing value.
fn check_row(row: &str, columns: &[&str]) -> Result<(), String> {
    let cells: Vec<&str> = row.split(", ").collect();
    if cells.len() != columns.len() {
        return Err(format!(
            "{} cells for {} columns: {row}",
            cells.len(),
            columns.len()
        ));
    }
    for (cell, column) in cells.iter().zip(columns) {
        let good = match *column {
            _ if *cell == "[N/A]" || *cell == "[Not Supported]" => true,
            "timestamp" => is_timestamp(cell),
            "name" => !cell.is_empty(),
            "pstate" => cell
                .strip_prefix('P')
                .is_some_and(|state| state.parse::<u8>().is_ok_and(|state| state <= 15)),
            "power.draw" | "power.limit" => is_watts(cell),
            _ => cell.parse::<u64>().is_ok(),
        };
        if !good {
            return Err(format!("{column}: {cell:?} in {row}"));
        }
    }
    Ok(())
}

/// `2025/07/09 01:17:36.754`: digits and marks in their places.
fn is_timestamp(cell: &str) -> bool {
    let shape: String = cell
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    shape == "0000/00/00 00:00:00.000"
}

/// A number with exactly two digits behind the point.
fn is_watts(cell: &str) -> bool {
    cell.split_once('.').is_some_and(|(watts, hundredths)| {
        watts.parse::<u32>().is_ok() && hundredths.len() == 2 && hundredths.parse::<u8>().is_ok()
    })
}

#[test]
fn the_predecessors_seventeen_columns_are_what_its_reader_accepts() {
    let cards = [Synthetic::v100(), Synthetic::h100()];
    let text = print(Query::Gpu, SEVENTEEN, BARE, &cards);
    let columns: Vec<&str> = SEVENTEEN.split(',').collect();
    assert_eq!(columns.len(), 17);
    assert_eq!(text.lines().count(), 2);
    for row in text.lines() {
        check_row(row, &columns).expect("the reader accepts it");
    }
    insta::assert_snapshot!(text, @r"
    2025/07/09 01:17:36.754, 0, Tesla V100-PCIE-32GB, 23.48, 250.00, 22, 0, 0, 32510, 32510, 0, 135, 877, 135, 1230, 877, P0
    2025/07/09 01:17:36.754, 1, NVIDIA H100 NVL, 352.87, 400.00, 63, 100, 44, 95830, 95411, 419, 1575, 2619, 1575, 1785, 2619, P0
    ");
}

#[test]
fn rows_that_the_predecessor_recorded_pass_the_same_reader_as_ours() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/predecessor-samples/history_samples");
    let Ok(entries) = fs_err::read_dir(&folder) else {
        eprintln!("skipped: the recordings of the predecessor are not here");
        return;
    };
    let mut rows = 0;
    for entry in entries {
        let path = entry.expect("an entry").path();
        if !path.to_string_lossy().ends_with(".nvidia-smi.csv") {
            continue;
        }
        let text = fs_err::read_to_string(&path).expect("readable");
        let mut lines = text.lines();
        let header = lines.next().expect("a header");
        assert_eq!(header, FIFTEEN);
        let columns: Vec<&str> = header.split(',').collect();
        for row in lines {
            check_row(row, &columns).expect("recorded");
            rows += 1;
        }
        let ours = print(Query::Gpu, header, BARE, &[Synthetic::v100()]);
        check_row(ours.trim_end(), &columns).expect("ours");
    }
    assert!(rows > 0, "no recorded row found");
}

#[test]
fn the_reader_of_these_tests_refuses_what_the_predecessors_would() {
    let columns: Vec<&str> = FIFTEEN.split(',').collect();
    let good = print(Query::Gpu, FIFTEEN, BARE, &[Synthetic::v100()]);
    let good = good.trim_end();
    check_row(good, &columns).expect("good");
    for (from, to) in [
        (", P0", ""),
        ("23.48", "23.48 W"),
        ("23.48", "23.5"),
        ("2025/07/09", "2025-07-09"),
        (", 877,", ",877,"),
        ("P0", "0"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(check_row(&bad, &columns).is_err(), "{bad}");
    }
}

#[test]
fn with_header_and_units_it_reads_like_the_real_tool() {
    let text = print(
        Query::Gpu,
        "gpu_name,power.draw,clocks.sm,memory.total,utilization.gpu,temperature.gpu,\
         temperature.memory,power.draw.average,fan.speed,clocks_throttle_reasons.active,\
         clocks_event_reasons.sw_power_cap,persistence_mode,mig.mode.current,serial,count,\
         pcie.link.width.current,driver_version,display_mode",
        Format::default(),
        &[Synthetic::v100(), Synthetic::h100()],
    );
    insta::assert_snapshot!(text, @r"
    name, power.draw [W], clocks.current.sm [MHz], memory.total [MiB], utilization.gpu [%], temperature.gpu, temperature.memory, power.draw.average [W], fan.speed [%], clocks_event_reasons.active, clocks_event_reasons.sw_power_cap, persistence_mode, mig.mode.current, serial, count, pcie.link.width.current, driver_version, display_mode
    Tesla V100-PCIE-32GB, 23.48 W, 135 MHz, 32510 MiB, 0 %, 22, [N/A], [N/A], [N/A], 0x0000000000000001, Not Active, Disabled, [N/A], EMU0000000000, 2, 16, 570.124.06, [N/A]
    NVIDIA H100 NVL, 352.87 W, 1575 MHz, 95830 MiB, 100 %, 63, 71, 352.87 W, [N/A], 0x0000000000000004, Active, Enabled, Disabled, EMU0000000001, 2, 16, 570.124.06, [N/A]
    ");
}

#[test]
fn processes_and_clocks_have_a_row_each() {
    let cards = [Synthetic::v100(), Synthetic::h100()];
    let apps = print(
        Query::ComputeApps,
        "pid,process_name,used_memory,gpu_uuid",
        Format::default(),
        &cards,
    );
    insta::assert_snapshot!(apps, @r"
    pid, process_name, used_gpu_memory [MiB], gpu_uuid
    4711, python, 418 MiB, GPU-00000001-0000-4000-a000-000000000000
    ");
    let clocks = print(
        Query::SupportedClocks,
        "memory,graphics",
        Format {
            header: true,
            units: false,
        },
        &cards,
    );
    insta::assert_snapshot!(clocks, @r"
    memory [MHz], graphics [MHz]
    877, 1380
    877, 1372
    877, 1365
    2619, 1785
    2619, 1770
    1593, 1785
    ");
}

#[test]
fn a_lost_card_shows_why_in_each_cell() {
    let mut card = Synthetic::v100();
    card.lost = Some(Failure::GpuLost);
    let text = print(Query::Gpu, "name,power.draw", BARE, &[card.clone()]);
    assert_eq!(text, "[GPU is lost], [GPU is lost]\n");
    assert_eq!(
        card.read(Item::Clock(ClockOf::Max, Domain::Sm)),
        Err(Failure::GpuLost)
    );
}
