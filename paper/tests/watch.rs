//! The watch rebuilds on an edit, on a result that appears, and survives a failure.

use std::fs;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use paper::watch;

#[test]
fn a_change_is_compiled_within_seconds_and_a_failure_is_survived() {
    let root = tempfile::tempdir().unwrap();
    let paper_dir = root.path().join("paper");
    let out = root.path().join("out");
    fs::create_dir_all(&paper_dir).unwrap();
    fs::create_dir_all(&out).unwrap();
    let dated = "#set document(title: \"t\", date: datetime.today())\n";
    let main = paper_dir.join("main.typ");
    fs::write(&main, format!("{dated}#read(\"/generated/word.txt\")")).unwrap();

    let mut events = Vec::new();
    let mut edited = Instant::now();
    watch(&paper_dir, &out, |event| {
        let waited = edited.elapsed();
        events.push((event.changed, event.result.is_ok()));
        match events.len() {
            1 => fs::write(out.join("word.txt"), "one").unwrap(),
            2 => fs::write(&main, "#read(").unwrap(),
            3 => fs::write(&main, format!("{dated}fine again")).unwrap(),
            _ => return ControlFlow::Break(()),
        }
        assert!(
            waited < Duration::from_secs(10),
            "rebuilding took {waited:?}"
        );
        edited = Instant::now();
        ControlFlow::Continue(())
    })
    .unwrap();

    let expected = vec![
        (vec![], false),
        (vec![out.join("word.txt")], true),
        (vec![main.clone()], false),
        (vec![main], true),
    ];
    assert_eq!(events, expected);
}
