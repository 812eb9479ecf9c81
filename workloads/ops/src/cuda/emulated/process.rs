//! A program that runs the kernels of one file, and how it is asked. The format is described in
//! `emulation/main.cpp`.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use candle_core::{Error, Result, bail};

use super::super::kernel::Kernel;

/// Memory that a kernel may touch.
pub(super) struct Memory {
    pub(super) bytes: Vec<u8>,
    /// Address modulo 256.
    pub(super) phase: usize,
    pub(super) writable: bool,
    /// Neither read nor written before the kernel has waited for those before it.
    pub(super) closed: bool,
    /// What the kernel sees before it has waited for those before it, if not `bytes`.
    pub(super) before_wait: Option<Vec<u8>>,
}

/// An argument.
pub(super) enum Value {
    Address {
        memory: usize,
        offset: usize,
        pointee: char,
    },
    Null,
    Count(u32),
    Long(u64),
    Number(f32),
}

impl Value {
    /// Kind, pointee, value, offset.
    const fn words(&self) -> [u64; 4] {
        match *self {
            Self::Address {
                memory,
                offset,
                pointee,
            } => ['p' as u64, pointee as u64, memory as u64, offset as u64],
            Self::Null => ['p' as u64, 0, u64::MAX, 0],
            Self::Count(value) => ['u' as u64, 0, value as u64, 0],
            Self::Long(value) => ['l' as u64, 0, value, 0],
            Self::Number(value) => ['f' as u64, 0, value.to_bits() as u64, 0],
        }
    }
}

/// A launch.
pub(super) struct Request<'a> {
    pub(super) kernel: &'a Kernel<'a>,
    pub(super) memories: &'a [Memory],
    pub(super) values: Vec<Value>,
}

impl Request<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let numbers = |bytes: &mut Vec<u8>, values: &[u64]| {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        };
        let kernel = self.kernel;
        numbers(&mut bytes, &[kernel.name.len() as u64]);
        bytes.extend(kernel.name.as_bytes());
        for size in kernel.grid.iter().chain(&kernel.threads) {
            numbers(&mut bytes, &[*size as u64]);
        }
        numbers(
            &mut bytes,
            &[kernel.shared_bytes as u64, self.memories.len() as u64],
        );
        for memory in self.memories {
            let flags = u64::from(memory.writable)
                | u64::from(memory.closed) << 1
                | u64::from(memory.before_wait.is_some()) << 2;
            numbers(
                &mut bytes,
                &[memory.bytes.len() as u64, memory.phase as u64, flags],
            );
            bytes.extend(&memory.bytes);
            bytes.extend(memory.before_wait.iter().flatten());
        }
        numbers(&mut bytes, &[self.values.len() as u64]);
        for value in &self.values {
            numbers(&mut bytes, &value.words());
        }
        bytes
    }
}

/// A running program.
pub(super) struct Process {
    program: PathBuf,
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(program: PathBuf) -> Result<Self> {
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{} has no pipes", program.display());
        };
        Ok(Self {
            program,
            child,
            to,
            from,
        })
    }

    /// Runs a kernel and gives back the process and, for each memory that may be written, what it
    /// holds afterwards.
    ///
    /// # Errors
    /// The kernel did something wrong; the process has ended.
    pub(super) fn launch(mut self, request: &Request<'_>) -> Result<(Self, Vec<Option<Vec<u8>>>)> {
        // A launch that is refused may not be read to its end, so the answer counts.
        let sent = self
            .to
            .write_all(&request.bytes())
            .and_then(|()| self.to.flush());
        if self.number()? != 0 {
            let length = usize::try_from(self.number()?).map_err(Error::wrap)?;
            let message = String::from_utf8_lossy(&self.take(length)?).into_owned();
            bail!("{}", self.with_lines(message));
        }
        sent?;
        let mut results = Vec::new();
        for memory in request.memories {
            results.push(if memory.writable {
                Some(self.take(memory.bytes.len())?)
            } else {
                None
            });
        }
        Ok((self, results))
    }

    fn number(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.from.read_exact(&mut bytes).map_err(|error| {
            Error::Msg(format!("{} has ended: {error}", self.program.display()))
        })?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The message with `[pc 0x…]` replaced by functions and lines, if addr2line is there.
    fn with_lines(&self, message: String) -> String {
        let Some((before, rest)) = message.split_once("[pc ") else {
            return message;
        };
        let Some((address, after)) = rest.split_once(']') else {
            return message;
        };
        let lines = Command::new("addr2line")
            .args(["-i", "-p", "-e"])
            .arg(&self.program)
            .arg(address)
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let folder = self
            .program
            .parent()
            .map(|path| format!("{}/", path.display()));
        match (lines, folder) {
            (Ok(lines), Some(folder)) => {
                format!("{before}at {}{after}", lines.replace(&folder, ""))
            }
            _ => message,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
