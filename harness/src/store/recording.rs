//! A trace that is being taken: samples go to the disk in batches, so that memory does not grow with
//! the length of a run.
//!
//! The first batch stays in memory; a run that ends within it is encoded and written in one go. From
//! the second on, a thread encodes batches into the temporary file, so that the loop that measures
//! never waits for a compression. The file has no footer until it is sealed: what a killed harness
//! leaves behind is no trace, and is swept.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use fs_err::File;
use model::run::RunId;
use model::sample::Sample;
use model::trace::TraceHeader;
use parquet::arrow::ArrowWriter;

use super::codec;
use super::temporary::Temporary;
use super::{Store, StoreError};
use crate::session::{SampleSink, Unwritable};

/// Samples that are handed to the encoder at once. A trace that is encoded from memory is handed over
/// in the same pieces, so that a file does not depend on how its samples came in.
pub const BATCH_ROWS: usize = 4_096;
/// Batches that may wait for the encoder before the measuring loop waits for it.
const WAITING_BATCHES: usize = 4;

/// A trace of an open store, until it is sealed. Dropped before, it leaves nothing.
pub struct Recording<'store> {
    store: &'store Store,
    id: RunId,
    rows: Vec<Sample>,
    stream: Option<Stream>,
    trouble: Option<StoreError>,
}

impl<'store> Recording<'store> {
    pub(super) const fn new(store: &'store Store, id: RunId) -> Self {
        Self {
            store,
            id,
            rows: Vec::new(),
            stream: None,
            trouble: None,
        }
    }

    /// Seals what was recorded: a good run for ever, one with faults as a failed attempt.
    ///
    /// # Errors
    /// Where the disk is full or the folder cannot be written, now or at any batch before; no sealed
    /// run is touched.
    pub fn seal(mut self, header: &TraceHeader) -> Result<PathBuf, StoreError> {
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        let file = self.store.place_of(header)?;
        let Some(stream) = self.stream.take() else {
            let bytes = codec::encode(header, &self.rows)?;
            self.store.write_trace(&file, &bytes)?;
            return Ok(file);
        };
        let temporary = stream.finish(std::mem::take(&mut self.rows), header)?;
        self.store.keep(temporary, &file)?;
        Ok(file)
    }

    fn hand_over(&mut self) -> Result<(), StoreError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => self
                .stream
                .insert(Stream::begin(self.store.temporary_of(&self.id))?),
        };
        let batch = std::mem::replace(&mut self.rows, Vec::with_capacity(BATCH_ROWS));
        if stream.batches.send(batch).is_ok() {
            return Ok(());
        }
        // The encoder hangs up only where it failed; its end says why.
        let stream = self.stream.take().expect("it was there a moment ago");
        Err(stream.failure())
    }
}

impl SampleSink for Recording<'_> {
    fn take(&mut self, sample: Sample) -> Result<(), Unwritable> {
        if self.trouble.is_none() {
            self.rows.push(sample);
            if self.rows.len() < BATCH_ROWS {
                return Ok(());
            }
            match self.hand_over() {
                Ok(()) => return Ok(()),
                Err(error) => self.trouble = Some(error),
            }
        }
        let reason = self.trouble.as_ref().map(ToString::to_string);
        Err(Unwritable {
            reason: reason.unwrap_or_default(),
        })
    }
}

/// A temporary file with an encoder behind it.
struct Stream {
    temporary: Temporary,
    batches: SyncSender<Vec<Sample>>,
    encoder: JoinHandle<Result<ArrowWriter<File>, String>>,
}

impl Stream {
    fn begin(path: PathBuf) -> Result<Self, StoreError> {
        let (file, temporary) = Temporary::create(path)?;
        let (batches, waiting) = sync_channel(WAITING_BATCHES);
        let encoder = std::thread::Builder::new()
            .name("encoder".to_owned())
            .spawn(move || encode_all(file, &waiting))?;
        Ok(Self {
            temporary,
            batches,
            encoder,
        })
    }

    /// Encodes the last rows, computes the seal from the file, and writes the footer.
    fn finish(self, rest: Vec<Sample>, header: &TraceHeader) -> Result<Temporary, StoreError> {
        let Self {
            temporary,
            batches,
            encoder,
        } = self;
        // A send that fails is told by the encoder's end.
        let _ = batches.send(rest);
        drop(batches);
        let sealed = ended(encoder).and_then(|writer| seal(writer, temporary.path(), header));
        match sealed {
            Ok(()) => Ok(temporary),
            Err(reason) => Err(unwritten(&temporary, &reason)),
        }
    }

    fn failure(self) -> StoreError {
        drop(self.batches);
        let reason = match ended(self.encoder) {
            Ok(_) => "the encoder ended before the recording".to_owned(),
            Err(reason) => reason,
        };
        unwritten(&self.temporary, &reason)
    }
}

fn unwritten(temporary: &Temporary, reason: &str) -> StoreError {
    let file = temporary.path().display();
    StoreError::Io(std::io::Error::other(format!("{file}: {reason}")))
}

fn ended(
    encoder: JoinHandle<Result<ArrowWriter<File>, String>>,
) -> Result<ArrowWriter<File>, String> {
    encoder
        .join()
        .unwrap_or_else(|_| Err("the encoder panicked".to_owned()))
}

fn encode_all(file: File, batches: &Receiver<Vec<Sample>>) -> Result<ArrowWriter<File>, String> {
    let mut writer = codec::writer(file)?;
    for batch in batches {
        writer
            .write(&codec::record_batch(&batch)?)
            .map_err(|error| error.to_string())?;
    }
    writer.flush().map_err(|error| error.to_string())?;
    writer.sync().map_err(|error| error.to_string())?;
    Ok(writer)
}

fn seal(mut writer: ArrowWriter<File>, file: &Path, header: &TraceHeader) -> Result<(), String> {
    let header = serde_json::to_string(header).map_err(|error| error.to_string())?;
    let groups = writer.flushed_row_groups().to_vec();
    let seal = codec::seal_of_file(&header, file, codec::footer_of(groups))?;
    for entry in codec::metadata(header, seal) {
        writer.append_key_value_metadata(entry);
    }
    writer
        .into_inner()
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
