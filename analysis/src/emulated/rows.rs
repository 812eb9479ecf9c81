//! Traces of emulated sweeps to rows, on as many threads as there are processors.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use model::provenance::Provenance;

use crate::Error;
use crate::read::{Campaign, CampaignFile};
use crate::row::Row;
use crate::tidy::tidy;

/// A row, and the true energy of its tick window where the trace knows it.
#[derive(Clone, Debug)]
pub(super) struct KnownRow {
    pub(super) row: Row,
    pub(super) true_energy_j: Option<f64>,
}

/// The rows of every campaign, in the order of sweeps and runs, whatever the number of threads.
///
/// # Errors
/// The first trace, in the order of names, that cannot be trusted or is not emulated.
pub(super) fn read(folders: &[PathBuf]) -> Result<Vec<KnownRow>, Error> {
    let mut rows = Vec::new();
    for folder in folders {
        let campaign = Campaign::open(folder)?;
        rows.extend(read_campaign(&campaign)?);
    }
    rows.sort_by(|a, b| {
        let place = |known: &KnownRow| (known.row.sweep.clone(), known.row.order);
        place(a).cmp(&place(b))
    });
    Ok(rows)
}

fn read_campaign(campaign: &Campaign) -> Result<Vec<KnownRow>, Error> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let read = Mutex::new(Vec::with_capacity(campaign.sealed.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = campaign.sealed.get(place) else {
                        return;
                    };
                    let row = read_one(campaign, file);
                    read.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((place, row));
                }
            });
        }
    });
    let mut read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    read.sort_by_key(|(place, _)| *place);
    read.into_iter().map(|(_, row)| row).collect()
}

fn read_one(campaign: &Campaign, file: &CampaignFile) -> Result<KnownRow, Error> {
    let trace = campaign.read_sealed(file)?;
    if trace.header.provenance != Provenance::Emulated {
        return Err(Error::Campaign {
            path: campaign.path.clone(),
            problem: format!(
                "{} is {}, expected emulated; origins are never mixed, move it away",
                file.name, trace.header.provenance
            ),
        });
    }
    let true_mj = trace.header.machine.device.true_window_energy_mj;
    Ok(KnownRow {
        row: tidy(&trace),
        true_energy_j: true_mj.map(|energy| energy / 1e3),
    })
}
