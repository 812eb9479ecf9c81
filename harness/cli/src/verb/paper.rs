//! `joulebench paper`

use std::ops::ControlFlow;

use ::paper::{WatchEvent, watch};

use crate::args::PaperArguments;
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;

pub(crate) fn run(arguments: &PaperArguments) -> anyhow::Result<Exit> {
    let places = &arguments.places;
    let layout = Layout::new(&places.root);
    let derivation = Derivation::new(layout.clone(), &places.out, &[])?;
    if arguments.watch {
        watch(&layout.paper(), &places.out, |event| {
            announce(&derivation, event)
        })?;
        return Ok(Exit::Success);
    }
    let compiled = derivation.paper()?;
    for warning in &compiled.warnings {
        eprintln!("{warning}");
    }
    say!(
        "{}: {} pages",
        derivation.paper_file().display(),
        compiled.count_pages()
    );
    say!("{}", derivation.report()?.display());
    Ok(Exit::Success)
}

/// Writes each good result; a failure is printed and the watch goes on.
fn announce(derivation: &Derivation, event: WatchEvent) -> ControlFlow<()> {
    for file in &event.changed {
        eprintln!("changed: {}", file.display());
    }
    let written = event
        .result
        .map_err(anyhow::Error::from)
        .and_then(|compiled| {
            analysis::write::write_atomically(&derivation.paper_file(), &compiled.pdf)?;
            Ok(compiled.count_pages())
        });
    match written {
        Ok(pages) => say!("{}: {pages} pages", derivation.paper_file().display()),
        Err(error) => eprintln!("error: {error}"),
    }
    ControlFlow::Continue(())
}
