//! `pmon`: one line for each process.

use std::fmt::Write as _;

use crate::card::Card;
use crate::item::Item;

const HEADER: &str = "\
# gpu         pid   type     sm    mem    enc    dec    jpg    ofa    command \n\
# Idx           #    C/G      %      %      %      %      %      %    name \n";
/// Letters of a command that fit.
const COMMAND_WIDTH: usize = 15;

/// The two lines above the first row.
pub(crate) fn header() -> &'static str {
    HEADER
}

/// The rows of one card: one for each process, or one of dashes.
pub(crate) fn rows(card: &dyn Card) -> String {
    let index = card.text(Item::Index);
    let processes = card.processes().unwrap_or_default();
    let mut text = String::new();
    let dash = || "-".to_owned();
    if processes.is_empty() {
        push(&mut text, &index, "-", "-", [dash(), dash()], "-");
    }
    for process in processes {
        let shares = [process.sm_percent, process.memory_percent]
            .map(|share| share.map_or_else(dash, |percent| percent.to_string()));
        let name = process
            .name
            .unwrap_or_else(|failure| failure.words().to_owned());
        let command = name.rsplit('/').next().unwrap_or(&name);
        push(
            &mut text,
            &index,
            &process.pid.to_string(),
            "C",
            shares,
            command,
        );
    }
    text
}

fn push(
    text: &mut String,
    index: &str,
    pid: &str,
    kind: &str,
    [sm, memory]: [String; 2],
    command: &str,
) {
    let command: String = command.chars().take(COMMAND_WIDTH).collect();
    writeln!(
        text,
        "{index:>5}{pid:>11}{kind:>6}{sm:>7}{memory:>7}{:>7}{:>7}{:>7}{:>7}    \
         {command:<COMMAND_WIDTH$}",
        "-", "-", "-", "-"
    )
    .expect("a String takes all");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Synthetic;

    #[test]
    fn a_process_and_an_idle_card() {
        assert_eq!(
            rows(&Synthetic::h100()),
            "    1       4711     C     98     41      -      -      -      -    python         \n"
        );
        assert_eq!(
            rows(&Synthetic::v100()),
            "    0          -     -      -      -      -      -      -      -    -              \n"
        );
        assert!(header().starts_with("# gpu         pid   type     sm    mem"));
    }
}
