//! The tensors of a launch as memories: bytes that the kernel may touch, and where they come from.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};

use super::super::kernel::Argument;
use super::process::{Memory, Value};
use crate::Start;
use crate::contract::write;

/// What a kernel sees, before it waits, of what the kernel before it writes: nonsense, which is not
/// a number in any format.
const NONSENSE: u8 = 0xff;

/// What the kernel before has changed of one storage.
pub(super) struct Written {
    /// Kept, so that no other storage comes to lie where this one lies.
    tensor: Tensor,
    begin: usize,
    /// For each byte.
    changed: Vec<bool>,
}

impl Written {
    /// All of a tensor.
    pub(super) fn all_of(tensor: &Tensor) -> Self {
        Self {
            tensor: tensor.clone(),
            begin: first_byte(tensor),
            changed: vec![true; byte_count(tensor)],
        }
    }
}

/// What a kernel sees of one storage: from the first to the last byte of the tensors passed.
struct Part<'a> {
    storage: usize,
    begin: usize,
    end: usize,
    tensor: &'a Tensor,
    written: Vec<&'a Tensor>,
    closed: bool,
}

/// The memories of a launch, one for each storage, in the order of the arguments.
pub(super) struct Memories<'a> {
    parts: Vec<Part<'a>>,
    pub(super) contents: Vec<Memory>,
}

impl<'a> Memories<'a> {
    /// Those of the tensors among the arguments.
    ///
    /// # Errors
    /// A tensor has gaps.
    pub(super) fn of(arguments: &[Argument<'a>]) -> Result<Self> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        for argument in arguments {
            let (tensor, writes, closed) = match *argument {
                Argument::Read(tensor)
                | Argument::Maybe(Some(tensor))
                | Argument::Position(Start::Device(tensor)) => (tensor, false, false),
                Argument::Write(tensor) => (tensor, true, true),
                Argument::Extend(tensor) => (tensor, true, false),
                _ => continue,
            };
            if !tensor.is_contiguous() {
                bail!("a kernel was given {:?} with gaps", tensor.dims());
            }
            let (storage, begin) = (storage_of(tensor), first_byte(tensor));
            let end = begin + byte_count(tensor);
            let place = parts.iter().position(|part| part.storage == storage);
            let place = place.unwrap_or_else(|| {
                parts.push(Part {
                    storage,
                    begin,
                    end,
                    tensor,
                    written: Vec::new(),
                    closed: false,
                });
                parts.len() - 1
            });
            let part = &mut parts[place];
            part.begin = part.begin.min(begin);
            part.end = part.end.max(end);
            part.written.extend(writes.then_some(tensor));
            part.closed |= closed;
        }
        let contents = parts
            .iter()
            .map(|part| {
                Ok(Memory {
                    bytes: storage_bytes(part.tensor)?[part.begin..part.end].to_vec(),
                    phase: part.begin % 256,
                    writable: !part.written.is_empty(),
                    closed: part.closed,
                    before_wait: None,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { parts, contents })
    }

    /// Makes what the kernel before has written nonsense until this one waits. (Most of what this one
    /// writes is closed until then in any case.)
    pub(super) fn hide(&mut self, written: &Written) {
        for (part, content) in self.parts.iter().zip(&mut self.contents) {
            if part.storage != storage_of(&written.tensor) || content.closed {
                continue;
            }
            let mut bytes = content.bytes.clone();
            for (place, byte) in bytes.iter_mut().enumerate() {
                let changed = (part.begin + place)
                    .checked_sub(written.begin)
                    .and_then(|place| written.changed.get(place));
                if changed == Some(&true) {
                    *byte = NONSENSE;
                }
            }
            content.before_wait = Some(bytes);
        }
    }

    /// Copies what the kernel left into the tensors that it was to write.
    ///
    /// # Errors
    /// The tensor cannot be written.
    pub(super) fn keep(&self, results: &[Option<Vec<u8>>]) -> Result<Vec<Written>> {
        let mut all = Vec::new();
        for ((part, content), bytes) in self.parts.iter().zip(&self.contents).zip(results) {
            let Some(bytes) = bytes else { continue };
            for tensor in &part.written {
                let first = first_byte(tensor) - part.begin;
                let own = &bytes[first..first + byte_count(tensor)];
                let left =
                    Tensor::from_raw_buffer(own, tensor.dtype(), tensor.dims(), tensor.device())?;
                write(tensor, &left)?;
            }
            all.push(Written {
                tensor: part.tensor.clone(),
                begin: part.begin,
                changed: changed(&content.bytes, bytes, part.tensor.dtype().size_in_bytes()),
            });
        }
        Ok(all)
    }

    /// The arguments as the emulator takes them.
    ///
    /// # Errors
    /// One does not fit its parameter.
    pub(super) fn values(&self, arguments: &[Argument<'_>]) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        for argument in arguments {
            let value = match *argument {
                Argument::Read(tensor)
                | Argument::Write(tensor)
                | Argument::Extend(tensor)
                | Argument::Maybe(Some(tensor)) => self.address(tensor)?,
                Argument::Maybe(None) => Value::Null,
                Argument::Count(size) => count(size)?,
                Argument::Long(value) => Value::Long(value),
                Argument::Number(value) => Value::Number(value),
                Argument::Position(start) => {
                    start.check()?;
                    let (address, position) = match start {
                        Start::At(position) => (Value::Null, position),
                        Start::Device(tensor) => (self.address(tensor)?, 0),
                    };
                    values.push(address);
                    count(position)?
                }
            };
            values.push(value);
        }
        Ok(values)
    }

    fn address(&self, tensor: &Tensor) -> Result<Value> {
        let storage = storage_of(tensor);
        let Some(memory) = self.parts.iter().position(|part| part.storage == storage) else {
            bail!("an argument without memory");
        };
        Ok(Value::Address {
            memory,
            offset: first_byte(tensor) - self.parts[memory].begin,
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

fn count(size: usize) -> Result<Value> {
    u32::try_from(size)
        .map(Value::Count)
        .map_err(|_| candle_core::Error::Msg(format!("an argument of {size} exceeds 32 bits")))
}

/// Whether the value that each byte belongs to has changed.
fn changed(before: &[u8], after: &[u8], value_bytes: usize) -> Vec<bool> {
    let values = before.chunks(value_bytes).zip(after.chunks(value_bytes));
    values
        .flat_map(|(old, new)| std::iter::repeat_n(old != new, old.len()))
        .collect()
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
    /// The bytes of numbers, as x86-64 and the GPU have them.
    macro_rules! bytes {
        ($values:expr) => {
            $values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
    }
    let (storage, _) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        bail!("a tensor that does not lie on the CPU");
    };
    Ok(match storage {
        CpuStorage::U8(values) => values.clone(),
        CpuStorage::U32(values) => bytes!(values),
        CpuStorage::I64(values) => bytes!(values),
        CpuStorage::F16(values) => bytes!(values),
        CpuStorage::BF16(values) => bytes!(values),
        CpuStorage::F32(values) => bytes!(values),
        _ => bail!("kernels do not take {:?}", tensor.dtype()),
    })
}
