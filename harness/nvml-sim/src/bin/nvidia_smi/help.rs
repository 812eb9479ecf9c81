//! What `-h` prints. Only what this program does stands in it.

use crate::sections::Section;

const BEFORE_SECTIONS: &str = "\
joulebench's stand-in for nvidia-smi. It is not NVIDIA's program: it asks libnvidia-ml.so.1 as any
client does, so it shows emulated GPUs where joulebench's library is first in LD_LIBRARY_PATH. The
serial number of an emulated GPU begins with EMU. Time stamps are in UTC, whatever TZ says.

nvidia-smi [OPTION1 [ARG1]] [OPTION2 [ARG2]] ...

    -h,   --help                Print this text.
          --version             Print the versions of the driver, of NVML and of this program.
    -L,   --list-gpus           List the GPUs.
    <no arguments>              Show a table of the GPUs and their processes.
    -q,   --query               Show everything that is known of the GPUs.
    -d,   --display=            Only these parts of -q, with commas between them:
";

const AFTER_SECTIONS: &str = "\
          --query-gpu=          A row for each GPU: see --help-query-gpu.
          --query-compute-apps= A row for each process: see --help-query-compute-apps.
          --query-supported-clocks=
                                A row for each pair of clocks: see
                                --help-query-supported-clocks.
          --format=             csv, and with commas: noheader, nounits.

  With any of the above:

    -i,   --id=                 Only these GPUs: index, UUID, bus address or serial number.
    -f,   --filename=           Write to this file.
    -l,   --loop=               Again every so many seconds; 5 without a number.
    -lms, --loop-ms=            Again every so many milliseconds.

  Settings, which need the permission of the driver:

    -pm   --persistence-mode=   0/DISABLED, 1/ENABLED
    -pl   --power-limit=        Watts, such as 200 or 187.5.
    -lgc  --lock-gpu-clocks=    MHz: lowest,highest or one number for both.
    -rgc  --reset-gpu-clocks    Undo -lgc.
    -lmc  --lock-memory-clocks= MHz: lowest,highest or one number for both.
    -rmc  --reset-memory-clocks Undo -lmc.
    -ac   --applications-clocks= MHz: memory,graphics.
    -rac  --reset-applications-clocks
                                Undo -ac.
    -eow  --error-on-warning    Exit with an error where a GPU lacks the setting.

  dmon [-i GPUS] [-d SECONDS] [-c COUNT] [-s LETTERS] [-o DT] [-f FILE]
                                A line for each GPU and interval. LETTERS, default puc:
                                p power and temperature, u utilization, c clocks, v violations,
                                m memory, e errors, t PCIe throughput.
  pmon [-i GPUS] [-d SECONDS] [-c COUNT] [-f FILE]
                                A line for each process and interval.

  Exit codes: 0 done, 2 wrong argument, 3 the GPU lacks it, 4 no permission, 6 no such GPU,
  9 no driver, 12 no NVML library, 13 NVML lacks a function, 15 the GPU is lost, 255 other.
";

/// The whole text.
pub(crate) fn text() -> String {
    let words: Vec<&str> = Section::ALL.iter().map(|(word, _)| *word).collect();
    let mut text = BEFORE_SECTIONS.to_owned();
    for line in words.chunks(4) {
        text.push_str(&" ".repeat(36));
        text.push_str(&line.join(", "));
        text.push('\n');
    }
    text.push_str(AFTER_SECTIONS);
    text
}

/// `--version`: the lines of the real tool, and one that says what this is.
pub(crate) fn version(system: &crate::card::System) -> String {
    // NVML puts the version of CUDA in front of the driver's, 13.580.159.04; the real tool shows
    // the two numbers after it.
    let nvml: Vec<&str> = system.nvml_version.split('.').skip(1).take(2).collect();
    let nvml = nvml.join(".");
    format!(
        "NVIDIA-SMI version  : {driver}\n\
         NVML version        : {nvml}\n\
         DRIVER version      : {driver}\n\
         CUDA Version        : {cuda}\n\
         Program             : joulebench-nvidia-smi {own}, a stand-in\n",
        driver = system.driver_version,
        cuda = system.cuda_version(),
        own = env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Synthetic;

    #[test]
    fn the_help_names_every_section_and_says_what_this_is() {
        let help = text();
        for (word, _) in Section::ALL {
            assert!(help.contains(word), "{word}");
        }
        assert!(help.contains("not NVIDIA's program") && help.contains("UTC"));
        assert!(help.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn the_version_says_that_this_is_a_stand_in() {
        let text = version(&Synthetic::system());
        assert!(text.starts_with("NVIDIA-SMI version  : 570.124.06\n"));
        assert!(text.contains("NVML version        : 570.124\n"));
        assert!(text.contains("CUDA Version        : 12.8\n"));
        assert!(text.ends_with("a stand-in\n"));
    }
}
