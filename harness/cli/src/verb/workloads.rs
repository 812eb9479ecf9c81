//! `joulebench workloads`

mod table;

use harness::worker::offer::{self, OfferError};
use model::catalogue::Catalogue;
use model::plan::OWN_WORKER;
use model::workload::MODELS;
use serde::Serialize;

use crate::args::workloads::WorkloadsArguments;
use crate::exit::{Exit, refuse};
use crate::output::say;

/// What can be measured, and what can be emulated.
#[derive(Serialize)]
struct Listing {
    /// What the worker runs; absent where it was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    catalogue: Option<Catalogue>,
    /// Why it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_asked: Option<String>,
    /// Models whose work is counted and that the worker does not run: emulated boards do.
    counted_only: Vec<&'static str>,
}

pub(crate) fn run(arguments: &WorkloadsArguments) -> anyhow::Result<Exit> {
    let command = match &arguments.worker {
        None => vec![OWN_WORKER.to_owned()],
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
    };
    if command.is_empty() {
        refuse!("--worker '': expected a program and its arguments");
    }
    let listing = listing(offer::ask(&command, &arguments.words()), arguments)?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&listing)?);
        return Ok(Exit::Success);
    }
    if let Some(catalogue) = &listing.catalogue {
        match (&arguments.model, catalogue.models.first()) {
            (Some(_), Some(entry)) => say!("{}", table::one(entry).trim_end()),
            _ => say!("{}", table::all(catalogue).trim_end()),
        }
    }
    if let Some(reason) = &listing.not_asked {
        say!("no worker was asked ({reason}); build it with `cargo build`, or name it: --worker");
    }
    if !listing.counted_only.is_empty() {
        say!();
        say!("counted, and run on emulated boards only:");
        for line in table::wrapped(&listing.counted_only) {
            say!("  {line}");
        }
    }
    Ok(Exit::Success)
}

/// A worker that is not there leaves the models that are counted; a worker that refuses what was
/// asked, or one that was named and does not answer, is an error.
fn listing(
    answer: Result<Catalogue, OfferError>,
    arguments: &WorkloadsArguments,
) -> anyhow::Result<Listing> {
    let asked_for_one = arguments.model.is_some() || arguments.worker.is_some();
    let (catalogue, not_asked) = match answer {
        Ok(catalogue) => (Some(catalogue), None),
        Err(error) if asked_for_one => return Err(error.into()),
        Err(error) => (None, Some(error.to_string())),
    };
    let runs = |name: &str| {
        catalogue
            .iter()
            .flat_map(|catalogue| &catalogue.models)
            .any(|entry| entry.model == name)
    };
    let counted_only = if arguments.model.is_some() {
        Vec::new()
    } else {
        MODELS.iter().copied().filter(|name| !runs(name)).collect()
    };
    Ok(Listing {
        catalogue,
        not_asked,
        counted_only,
    })
}
