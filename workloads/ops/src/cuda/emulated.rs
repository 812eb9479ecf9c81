//! A GPU that unit tests emulate: kernels run on the CPU, on tensors that lie there.
//!
//! Inside [`on_emulated_gpu`] every operation takes the path that it takes on a GPU, so checks of
//! operands, grids, arguments and kernels are the real ones. See `emulation/README.md`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::marker::PhantomData;

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};

use super::kernel::{Argument, Kernel};
use crate::Start;
use crate::contract::write;

#[path = "emulated/compiler.rs"]
mod compiler;
#[path = "emulated/process.rs"]
mod process;
#[path = "emulated/tests.rs"]
mod tests;
#[path = "emulated/translate.rs"]
mod translate;

use process::{Process, Value};

thread_local! {
    static IS_THERE: Cell<bool> = const { Cell::new(false) };
    static PROCESSES: RefCell<BTreeMap<&'static str, Process>> = const { RefCell::new(BTreeMap::new()) };
    /// By the kernel before.
    static WRITTEN: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

/// Which bytes of a storage the kernel before has changed.
struct Written {
    /// Kept, so that no other storage comes to lie where this one lies.
    tensor: Tensor,
    begin: usize,
    changed: Vec<bool>,
}

/// What a kernel sees, before it waits, of what the kernel before it writes: nonsense, which is not
/// a number in any format.
const NONSENSE: u8 = 0xff;

/// Whether there is a compiler; if not, says that the test is skipped.
pub(crate) fn is_available() -> bool {
    let found = compiler::is_available();
    if !found {
        eprintln!("skipped: kernels are emulated with g++, which is not on PATH");
    }
    found
}

/// Calls `body` with a GPU.
pub(crate) fn on_emulated_gpu<R>(body: impl FnOnce() -> R) -> R {
    let before = IS_THERE.replace(true);
    WRITTEN.take();
    let result = body();
    IS_THERE.set(before);
    result
}

/// The emulated GPU.
#[derive(Clone, Copy)]
pub(crate) struct Gpu<'a> {
    tensor: PhantomData<&'a Tensor>,
}

impl<'a> Gpu<'a> {
    /// The GPU, inside [`on_emulated_gpu`].
    pub(crate) fn of(_: &'a Tensor) -> Option<Self> {
        IS_THERE.get().then_some(Self {
            tensor: PhantomData,
        })
    }

    /// As an H100 or H200.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "a real GPU is asked"
    )]
    pub(crate) const fn multiprocessors(self) -> Result<usize> {
        Ok(132)
    }

    /// Runs a kernel to its end.
    ///
    /// # Errors
    /// As on a GPU, and whatever the emulator finds wrong.
    pub(crate) fn launch(self, kernel: &Kernel<'_>, arguments: &[Argument<'_>]) -> Result<()> {
        let mut memories = Memories::of(arguments)?;
        let values = memories.values(arguments)?;
        for written in WRITTEN.take() {
            memories.hide(&written);
        }
        let request = process::Request {
            kernel,
            memories: memories.all.iter().map(|memory| &memory.content).collect(),
            values,
        };
        let results = PROCESSES.with_borrow_mut(|processes| {
            let process = match processes.remove(kernel.file) {
                Some(process) => process,
                None => Process::start(compiler::program(kernel.file)?)?,
            };
            // A process that has failed has ended, and is not kept.
            let (process, results) = process.launch(&request)?;
            processes.insert(kernel.file, process);
            Result::Ok(results)
        })?;
        let mut written = Vec::new();
        for (memory, bytes) in memories.all.iter().zip(results) {
            let (Some(bytes), Some(tensor)) = (bytes, memory.written.first()) else {
                continue;
            };
            let before = &memory.content.bytes;
            written.push(Written {
                tensor: (*tensor).clone(),
                begin: memory.begin,
                changed: changed(before, &bytes, tensor.dtype().size_in_bytes()),
            });
            for tensor in &memory.written {
                let first = first_byte(tensor) - memory.begin;
                let own = &bytes[first..first + byte_count(tensor)];
                write(tensor, &from_bytes(own, tensor)?)?;
            }
        }
        WRITTEN.set(written);
        Ok(())
    }

    /// Tells that a library has written a tensor, in place of a kernel.
    pub(crate) fn library_wrote(self, tensor: &Tensor) {
        WRITTEN.set(vec![Written {
            tensor: tensor.clone(),
            begin: first_byte(tensor),
            changed: vec![true; byte_count(tensor)],
        }]);
    }
}

/// Whether the value that each byte belongs to has changed.
fn changed(before: &[u8], after: &[u8], value_bytes: usize) -> Vec<bool> {
    let values = before.chunks(value_bytes).zip(after.chunks(value_bytes));
    values
        .flat_map(|(old, new)| std::iter::repeat_n(old != new, old.len()))
        .collect()
}

/// What a kernel sees of one storage: from the first to the last byte of the tensors passed.
struct Memory<'a> {
    storage: usize,
    begin: usize,
    content: process::Memory,
    written: Vec<&'a Tensor>,
}

struct Memories<'a> {
    all: Vec<Memory<'a>>,
}

impl<'a> Memories<'a> {
    fn of(arguments: &[Argument<'a>]) -> Result<Self> {
        let mut tensors: Vec<(&Tensor, bool)> = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Read(tensor)
                | Argument::Maybe(Some(tensor))
                | Argument::Position(Start::Device(tensor)) => tensors.push((tensor, false)),
                Argument::Write(tensor) => tensors.push((tensor, true)),
                _ => {}
            }
        }
        let mut ranges: Vec<(usize, usize, usize, Vec<&Tensor>)> = Vec::new();
        for (tensor, writes) in &tensors {
            if !tensor.is_contiguous() {
                bail!("a kernel was given {:?} with gaps", tensor.dims());
            }
            let (begin, end) = (first_byte(tensor), first_byte(tensor) + byte_count(tensor));
            let written = writes.then_some(*tensor);
            match ranges
                .iter_mut()
                .find(|range| range.0 == storage_of(tensor))
            {
                Some(range) => {
                    range.1 = range.1.min(begin);
                    range.2 = range.2.max(end);
                    range.3.extend(written);
                }
                None => ranges.push((
                    storage_of(tensor),
                    begin,
                    end,
                    written.into_iter().collect(),
                )),
            }
        }
        let mut all = Vec::new();
        for (storage, begin, end, written) in ranges {
            let Some((tensor, _)) = tensors
                .iter()
                .find(|(tensor, _)| storage_of(tensor) == storage)
            else {
                bail!("a storage without a tensor");
            };
            all.push(Memory {
                storage,
                begin,
                content: process::Memory {
                    bytes: storage_bytes(tensor)?[begin..end].to_vec(),
                    phase: begin % 256,
                    writable: !written.is_empty(),
                    before_wait: None,
                },
                written,
            });
        }
        Ok(Self { all })
    }

    /// What the kernel before has written is nonsense until this one waits. (What this one writes is
    /// closed until then in any case.)
    fn hide(&mut self, written: &Written) {
        let is_hidden = |memory: &&mut Memory<'_>| {
            memory.storage == storage_of(&written.tensor) && !memory.content.writable
        };
        for memory in self.all.iter_mut().filter(is_hidden) {
            let mut bytes = memory.content.bytes.clone();
            for (place, byte) in bytes.iter_mut().enumerate() {
                let changed = (memory.begin + place)
                    .checked_sub(written.begin)
                    .and_then(|place| written.changed.get(place));
                if changed == Some(&true) {
                    *byte = NONSENSE;
                }
            }
            memory.content.before_wait = Some(bytes);
        }
    }

    fn values(&self, arguments: &[Argument<'_>]) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        for argument in arguments {
            let value = match *argument {
                Argument::Read(tensor)
                | Argument::Write(tensor)
                | Argument::Maybe(Some(tensor)) => self.address(tensor)?,
                Argument::Maybe(None) => Value::Null,
                Argument::Count(size) => Value::Count(u32::try_from(size).map_err(|_| {
                    candle_core::Error::Msg(format!("an argument of {size} exceeds 32 bits"))
                })?),
                Argument::Long(value) => Value::Long(value),
                Argument::Number(value) => Value::Number(value),
                Argument::Position(start) => {
                    start.check()?;
                    let (address, position) = match start {
                        Start::At(position) => (Value::Null, position),
                        Start::Device(tensor) => (self.address(tensor)?, 0),
                    };
                    values.push(address);
                    Value::Count(u32::try_from(position).map_err(candle_core::Error::wrap)?)
                }
            };
            values.push(value);
        }
        Ok(values)
    }

    fn address(&self, tensor: &Tensor) -> Result<Value> {
        let place = self
            .all
            .iter()
            .position(|memory| memory.storage == storage_of(tensor));
        let Some(memory) = place else {
            bail!("an argument without memory");
        };
        Ok(Value::Address {
            memory,
            offset: first_byte(tensor) - self.all[memory].begin,
            pointee: match tensor.dtype() {
                DType::F32 => 'f',
                DType::F16 => 'h',
                DType::BF16 => 'b',
                DType::U32 => 'u',
                DType::I64 => 'l',
                DType::U8 => 'c',
                other => bail!("kernels take u8, u32, i64, f16, bf16 or f32, not {other:?}"),
            },
        })
    }
}

/// A number that tensors with the same storage share.
fn storage_of(tensor: &Tensor) -> usize {
    let (storage, _) = tensor.storage_and_layout();
    std::ptr::from_ref(&*storage).addr()
}

fn first_byte(tensor: &Tensor) -> usize {
    tensor.layout().start_offset() * tensor.dtype().size_in_bytes()
}

fn byte_count(tensor: &Tensor) -> usize {
    tensor.elem_count() * tensor.dtype().size_in_bytes()
}

fn storage_bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let (storage, _) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        bail!("a tensor that does not lie on the CPU");
    };
    Ok(match storage {
        CpuStorage::U8(values) => values.clone(),
        CpuStorage::U32(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        CpuStorage::I64(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        CpuStorage::F16(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        CpuStorage::BF16(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        CpuStorage::F32(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        _ => bail!("kernels do not take {:?}", tensor.dtype()),
    })
}

fn from_bytes(bytes: &[u8], like: &Tensor) -> Result<Tensor> {
    Tensor::from_raw_buffer(bytes, like.dtype(), like.dims(), like.device())
}
