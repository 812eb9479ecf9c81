//! Why a call failed, in the words of the tool, and the exit code that goes with it.

use nvml_wrapper::error::NvmlError;

/// The exit code of a run that did what it was told.
pub(crate) const SUCCESS: u8 = 0;
/// The exit code for a wrong argument.
pub(crate) const INVALID_ARGUMENT: u8 = 2;
/// The exit code for an unknown option or a missing value (seen with driver 580.159.04).
pub(crate) const UNUSABLE_COMMAND_LINE: u8 = 255;

/// A call that gave no value. The names follow `nvmlReturn_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    NotSupported,
    InvalidArgument,
    NoPermission,
    NotFound,
    InsufficientPower,
    DriverNotLoaded,
    Timeout,
    InterruptIssue,
    LibraryNotFound,
    FunctionNotFound,
    CorruptedInforom,
    GpuLost,
    ResetRequired,
    OperatingSystem,
    VersionMismatch,
    InUse,
    OutOfMemory,
    NoData,
    Unknown,
}

impl Failure {
    /// What the tool prints in place of a value. `nvmlErrorString` has the same words, except that
    /// a value which the GPU does not have is `N/A`.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotSupported => "N/A",
            Self::InvalidArgument => "Invalid Argument",
            Self::NoPermission => "Insufficient Permissions",
            Self::NotFound | Self::NoData => "Not Found",
            Self::InsufficientPower => "Insufficient External Power",
            Self::DriverNotLoaded => "Driver Not Loaded",
            Self::Timeout => "Timeout",
            Self::InterruptIssue => "Interrupt Request Issue",
            Self::LibraryNotFound => "NVML Shared Library Not Found",
            Self::FunctionNotFound => "Function Not Found",
            Self::CorruptedInforom => "Corrupted infoROM",
            Self::GpuLost => "GPU is lost",
            Self::ResetRequired => "GPU requires reset",
            Self::OperatingSystem => "GPU access blocked by the operating system",
            Self::VersionMismatch => "Driver/library version mismatch",
            Self::InUse => "In use by another client",
            Self::OutOfMemory => "Insufficient Memory",
            Self::Unknown => "Unknown Error",
        }
    }

    /// The exit code. The manual page of `nvidia-smi` lists 2 to 15; the rest is "other error".
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::InvalidArgument => INVALID_ARGUMENT,
            Self::NotSupported => 3,
            Self::NoPermission => 4,
            Self::NotFound => 6,
            Self::InsufficientPower => 8,
            Self::DriverNotLoaded => 9,
            Self::InterruptIssue => 10,
            Self::LibraryNotFound => 12,
            Self::FunctionNotFound => 13,
            Self::CorruptedInforom => 14,
            Self::GpuLost => 15,
            Self::Timeout
            | Self::ResetRequired
            | Self::OperatingSystem
            | Self::VersionMismatch
            | Self::InUse
            | Self::OutOfMemory
            | Self::NoData
            | Self::Unknown => 255,
        }
    }

    /// What the tool says when it cannot start at all.
    pub(crate) fn at_start(self) -> String {
        match self {
            Self::DriverNotLoaded => {
                "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. \
                 Make sure that the latest NVIDIA driver is installed and running.\n"
                    .to_owned()
            }
            Self::LibraryNotFound => {
                "NVIDIA-SMI couldn't find libnvidia-ml.so.1 in your system. Install the NVIDIA \
                 driver, or start this program through `joulebench emulate`, which puts the \
                 emulated library in LD_LIBRARY_PATH.\n"
                    .to_owned()
            }
            other => format!("Failed to initialize NVML: {}\n", other.words()),
        }
    }
}

impl From<NvmlError> for Failure {
    fn from(error: NvmlError) -> Self {
        match error {
            NvmlError::NotSupported => Self::NotSupported,
            NvmlError::InvalidArg => Self::InvalidArgument,
            NvmlError::NoPermission => Self::NoPermission,
            NvmlError::NotFound => Self::NotFound,
            NvmlError::InsufficientPower => Self::InsufficientPower,
            NvmlError::DriverNotLoaded => Self::DriverNotLoaded,
            NvmlError::Timeout => Self::Timeout,
            NvmlError::IrqIssue => Self::InterruptIssue,
            NvmlError::LibraryNotFound | NvmlError::LibloadingError(_) => Self::LibraryNotFound,
            NvmlError::FunctionNotFound | NvmlError::FailedToLoadSymbol(_) => {
                Self::FunctionNotFound
            }
            NvmlError::CorruptedInfoROM => Self::CorruptedInforom,
            NvmlError::GpuLost => Self::GpuLost,
            NvmlError::ResetRequired => Self::ResetRequired,
            NvmlError::OperatingSystem => Self::OperatingSystem,
            NvmlError::LibRmVersionMismatch => Self::VersionMismatch,
            NvmlError::InUse => Self::InUse,
            NvmlError::InsufficientMemory => Self::OutOfMemory,
            NvmlError::NoData => Self::NoData,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_are_those_of_the_manual_page() {
        let documented = [
            (Failure::InvalidArgument, 2),
            (Failure::NotSupported, 3),
            (Failure::NoPermission, 4),
            (Failure::NotFound, 6),
            (Failure::InsufficientPower, 8),
            (Failure::DriverNotLoaded, 9),
            (Failure::InterruptIssue, 10),
            (Failure::LibraryNotFound, 12),
            (Failure::FunctionNotFound, 13),
            (Failure::CorruptedInforom, 14),
            (Failure::GpuLost, 15),
            (Failure::Unknown, 255),
        ];
        for (failure, code) in documented {
            assert_eq!(failure.exit_code(), code, "{failure:?}");
        }
    }

    #[test]
    fn an_error_of_the_wrapper_keeps_its_meaning() {
        assert_eq!(Failure::from(NvmlError::GpuLost), Failure::GpuLost);
        assert_eq!(
            Failure::from(NvmlError::FailedToLoadSymbol("nvmlX".to_owned())),
            Failure::FunctionNotFound
        );
        assert_eq!(
            Failure::from(NvmlError::UnexpectedVariant(77)),
            Failure::Unknown
        );
    }

    #[test]
    fn a_failed_start_says_what_to_do() {
        assert!(
            Failure::DriverNotLoaded
                .at_start()
                .contains("NVIDIA driver")
        );
        assert!(
            Failure::LibraryNotFound
                .at_start()
                .contains("joulebench emulate")
        );
        assert_eq!(
            Failure::VersionMismatch.at_start(),
            "Failed to initialize NVML: Driver/library version mismatch\n"
        );
    }
}
