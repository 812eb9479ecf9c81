//! `joulebench emulate boards` and `joulebench emulate clocks`

use gpu_sim::Board;
use serde::Serialize;

use crate::args::emulate::{BoardsArguments, ClocksArguments};
use crate::exit::Exit;
use crate::output::say;

/// A board in a list.
#[derive(Serialize)]
struct Line<'a> {
    slug: &'a str,
    aliases: &'a [String],
    product_name: &'a str,
    core_mhz: [u32; 2],
    core_clocks: usize,
    memory_mhz: &'a [u32],
    power_limit_w: [f64; 2],
}

impl<'a> Line<'a> {
    fn of(board: &'a Board) -> Self {
        Self {
            slug: &board.slug,
            aliases: &board.aliases,
            product_name: &board.product_name,
            core_mhz: [
                board.clocks.core_min_mhz.value,
                board.clocks.core_max_mhz.value,
            ],
            core_clocks: board.core_clocks().len(),
            memory_mhz: board.memory_clocks(),
            power_limit_w: [
                board.limits.power_min_w.value,
                board.limits.power_max_w.value,
            ],
        }
    }
}

pub(crate) fn list(arguments: &BoardsArguments) -> anyhow::Result<Exit> {
    if let Some(name) = &arguments.profile {
        let board = Board::named(name)?;
        let text = Board::text_of(&board.slug).expect("a named board has a profile");
        say!("{}", text.trim_end());
        return Ok(Exit::Success);
    }
    let boards = Board::slugs()
        .map(Board::named)
        .collect::<Result<Vec<_>, _>>()?;
    let lines: Vec<Line<'_>> = boards.iter().map(|board| Line::of(board)).collect();
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(Exit::Success);
    }
    say!(
        "{:<16} {:<18} {:<24} {:>16} {:>10}",
        "board",
        "also",
        "product",
        "core clocks",
        "power"
    );
    for line in lines {
        let clocks = format!("{} to {} MHz", line.core_mhz[0], line.core_mhz[1]);
        let power = format!("to {} W", line.power_limit_w[1]);
        let also = line.aliases.join(", ");
        say!(
            "{:<16} {:<18} {:<24} {:>16} {:>10}",
            line.slug,
            also,
            line.product_name,
            clocks,
            power
        );
    }
    Ok(Exit::Success)
}

pub(crate) fn clocks(arguments: &ClocksArguments) -> anyhow::Result<Exit> {
    let board = harness::device::board(&arguments.gpu)?;
    let clocks = if arguments.study {
        board.study_clocks()
    } else {
        board.core_clocks()
    };
    let words: Vec<String> = clocks.iter().map(u32::to_string).collect();
    say!("{}", words.join(", "));
    Ok(Exit::Success)
}
