//! The repository speaks of itself only: no paths of anybody's machine.

use std::fs;

use tests::repository;

/// What no file may say, in halves so that this one does not.
const FORBIDDEN: [[&str; 2]; 4] = [
    ["/wo", "rk/"],
    ["/ro", "ot/"],
    ["/.lib", "rary"],
    ["sha", "red/"],
];

/// Whether a line names the place: the words inside a longer path or name are another thing.
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = &line[..at];
        // Optional data beside the checkout; tests that read it say so where it is absent.
        let is_beside = before.ends_with("../");
        let is_inside = before.ends_with(|c: char| c.is_alphanumeric() || "_-.".contains(c));
        !is_beside && !is_inside
    })
}

#[test]
fn no_file_names_a_place_outside_the_repository() {
    let Some(files) = repository::files() else {
        eprintln!("skipped: this is no checkout");
        return;
    };
    assert!(files.len() > 50, "git lists only {} files", files.len());
    let mut found = Vec::new();
    for file in files {
        // Binary files have no prose; a file that git knows may be gone from the checkout.
        let Ok(text) = fs::read_to_string(repository::root().join(&file)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for [start, end] in FORBIDDEN {
                let place = format!("{start}{end}");
                if names(line, &place) {
                    found.push(format!("{}:{}: {place}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_place_is_told_from_words_that_look_like_it() {
    let place = |index: usize| FORBIDDEN[index].concat();
    assert!(names(&format!("see {}main", place(0)), &place(0)));
    assert!(names(&format!("in {}data", place(3)), &place(3)));
    assert!(!names(&format!("net{}hours", place(0)), &place(0)));
    assert!(!names(&format!("../{}data", place(3)), &place(3)));
}
