//! No number in the results is typed by hand: prose that carries a result holds no digit.
//!
//! The sections are parsed, not compiled. Text, maths and raw text count as prose wherever they
//! stand, also inside a content block of a call. Code does not: keys, lengths and imports may
//! hold digits, but a number or a string that code puts straight into the text may not.

use std::path::Path;

use typst_syntax::{LinkedNode, Source, SyntaxKind};

/// Sections that state results.
const GUARDED: [&str; 6] = [
    "sections/abstract.typ",
    "sections/results.typ",
    "sections/language.typ",
    "sections/emulator.typ",
    "sections/residuals.typ",
    "sections/claims.typ",
];

/// Each digit typed in prose, as `line: text`.
fn typed_digits(text: &str) -> Vec<String> {
    let source = Source::detached(text);
    let mut found = Vec::new();
    walk(&LinkedNode::new(source.root()), &source, &mut found);
    found
}

fn walk(node: &LinkedNode, source: &Source, found: &mut Vec<String>) {
    let has_digit = node.leaf_text().chars().any(char::is_numeric);
    if has_digit && (is_prose(node.kind()) || is_embedded_literal(node)) {
        let line = source
            .lines()
            .byte_to_line(node.offset())
            .map_or(0, |line| line + 1);
        found.push(format!("{line}: {}", node.leaf_text()));
    }
    for child in node.children() {
        walk(&child, source, found);
    }
}

fn is_prose(kind: SyntaxKind) -> bool {
    use SyntaxKind::{EnumMarker, Escape, Link, MathText, Text};
    matches!(kind, Text | MathText | Escape | EnumMarker | Link)
}

/// `#12` and `#"12"`: a literal that markup embeds as it stands.
fn is_embedded_literal(node: &LinkedNode) -> bool {
    use SyntaxKind::{Float, Hash, Int, Numeric, Str};
    let literal = matches!(node.kind(), Int | Float | Numeric | Str);
    literal && kind_before(node) == Some(Hash)
}

fn kind_before(node: &LinkedNode) -> Option<SyntaxKind> {
    let index = node.index().checked_sub(1)?;
    node.parent()?
        .children()
        .nth(index)
        .map(|before| before.kind())
}

#[test]
fn results_carry_no_number_typed_by_hand() {
    let paper = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut slips = Vec::new();
    for section in GUARDED {
        let text = std::fs::read_to_string(paper.join(section)).unwrap();
        slips.extend(
            typed_digits(&text)
                .into_iter()
                .map(|slip| format!("paper/{section}:{slip}")),
        );
    }
    assert!(
        slips.is_empty(),
        "digits typed by hand; take numbers from #n(\"key\") and names from theme/names.typ:\n{}",
        slips.join("\n")
    );
}

#[test]
fn a_typed_digit_is_found_wherever_prose_stands() {
    let caught = [
        "costs 3.5 J per token",
        "#figure(caption: [about 4 runs], body)",
        "*bold 7* and _emph_",
        "$x = 12$",
        "`field 186`",
        "```text\nrun 9\n```",
        "#12",
        "#\"12\"",
        "1. enumerated",
        "#let x = [half of 2]",
        "#if true [3]",
        "see https://example.org/2024",
    ];
    for text in caught {
        assert_eq!(
            typed_digits(text).len(),
            1,
            "{text}: {:?}",
            typed_digits(text)
        );
    }
}

#[test]
fn keys_lengths_imports_and_references_are_no_prose() {
    let fine = [
        "costs #n(\"llama_b1_p512.value\") J",
        "#import \"/theme/v2.typ\": a1",
        "#set text(size: 9pt)",
        "see @fig-1 and @hoefler2015scientific",
        "#v(2mm) text",
        "#h200 has #let n = 3",
        "// comment with 5",
    ];
    for text in fine {
        assert!(
            typed_digits(text).is_empty(),
            "{text}: {:?}",
            typed_digits(text)
        );
    }
}
