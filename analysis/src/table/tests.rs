use super::*;

fn table() -> Table {
    Table {
        name: "t".into(),
        columns: vec![
            Column::words("name", "Name"),
            Column::data("raw"),
            Column::number("x_j", "x"),
        ],
        rows: vec![vec![
            Cell::same("a \"quote\" \\ #[x]"),
            Cell::word(None),
            Cell::number(Some(1.25), "1.2"),
        ]],
        notes: vec!["A note.".into()],
    }
}

#[test]
fn the_csv_has_every_column_in_full() {
    assert_eq!(
        table().to_csv(),
        "name,raw,x_j\n\"a \"\"quote\"\" \\ #[x]\",,1.25\n"
    );
}

#[test]
fn the_print_has_the_titled_columns_and_no_markup_slips_in() {
    assert_eq!(
        table().to_typst(),
        "// Written by joulebench from the results; do not edit.\n\
         #table(\n  columns: 2,\n  align: (left, right,),\n  table.header(\"Name\", \"x\"),\n  \
         \"a \\\"quote\\\" \\\\ #[x]\", \"1.2\",\n)\n\
         #block(text(size: 0.85em, \"A note.\"))\n"
    );
}

#[test]
fn an_absent_number_is_empty_for_machines_and_a_dash_for_readers() {
    let cell = Cell::number(None, "unused");
    assert_eq!((cell.data.as_str(), cell.print.as_str()), ("", ABSENT));
}
