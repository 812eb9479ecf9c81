//! The command line. The real tool has long options with one dash, so this is written by hand.

use std::path::PathBuf;
use std::time::Duration;

use crate::control::Setting;
use crate::csv::Format;
use crate::dmon;
use crate::exit::{INVALID_ARGUMENT, UNUSABLE_COMMAND_LINE};
use crate::field::{Field, Query};
use crate::numbers::{milliwatts, pair, persistence, whole};
use crate::sections::Section;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Help,
    Version,
    List,
    Table,
    Log(Vec<Section>),
    Query {
        query: Query,
        fields: Vec<&'static Field>,
        format: Format,
    },
    QueryHelp(Query),
    Monitor(dmon::Options),
    ProcessMonitor,
    Set(Vec<Setting>),
}

/// A command line that made sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) action: Action,
    /// Cards by index, UUID, bus address or serial number; empty means all.
    pub(crate) targets: Vec<String>,
    pub(crate) file: Option<PathBuf>,
    /// Again and again with this pause.
    pub(crate) every: Option<Duration>,
    /// Only so many times.
    pub(crate) count: Option<u64>,
    pub(crate) warnings_are_errors: bool,
}

/// A command line that made no sense: what to print, and the exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) text: String,
    pub(crate) exit_code: u8,
}

impl Refusal {
    fn invalid(text: impl Into<String>) -> Self {
        Self {
            text: format!("{}\n", text.into()),
            exit_code: INVALID_ARGUMENT,
        }
    }

    /// The real tool ends with 255 where it cannot even tell options from values.
    fn unusable(text: impl Into<String>) -> Self {
        Self {
            text: format!("{}\n", text.into()),
            exit_code: UNUSABLE_COMMAND_LINE,
        }
    }

    fn unknown(option: &str) -> Self {
        Self::unusable(format!(
            "ERROR: Option {option} is not recognized. Please run 'nvidia-smi -h'.\n"
        ))
    }

    fn out_of_place(option: &str) -> Self {
        Self::invalid(format!(
            "ERROR: Option {option} is not valid for this command. Please run 'nvidia-smi -h' for \
             help.\n"
        ))
    }
}

/// The pause of `-l` without a number.
const DEFAULT_LOOP: Duration = Duration::from_secs(5);
/// The pause of `dmon` and `pmon`.
const DEFAULT_DELAY: Duration = Duration::from_secs(1);

/// Arguments that are not read yet.
struct Rest<'a> {
    arguments: std::iter::Peekable<std::slice::Iter<'a, String>>,
}

impl Rest<'_> {
    /// The next option, and its value if it stands behind an equals sign.
    fn option(&mut self) -> Option<(String, Option<String>)> {
        let argument = self.arguments.next()?;
        let split = argument
            .starts_with('-')
            .then(|| argument.split_once('='))
            .flatten();
        Some(match split {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument.clone(), None),
        })
    }

    /// The value of an option: behind its equals sign, or the next argument.
    fn value(&mut self, name: &str, attached: Option<String>) -> Result<String, Refusal> {
        attached
            .or_else(|| self.arguments.next().cloned())
            .ok_or_else(|| {
                Refusal::unusable(format!(
                    "ERROR: Option {name} is missing its value. Please run 'nvidia-smi -h' for \
                     help.\n"
                ))
            })
    }

    /// The same for an option that can do without.
    fn optional_value(&mut self, attached: Option<String>) -> Option<String> {
        attached.or_else(|| {
            self.arguments
                .next_if(|argument| !argument.starts_with('-'))
                .cloned()
        })
    }
}

/// Reads the arguments behind the name of the program.
pub(crate) fn parse(arguments: &[String]) -> Result<Request, Refusal> {
    let mut rest = Rest {
        arguments: arguments.iter().peekable(),
    };
    match arguments.first().map(String::as_str) {
        Some("dmon") => {
            rest.arguments.next();
            parse_monitor(&mut rest, true)
        }
        Some("pmon") => {
            rest.arguments.next();
            parse_monitor(&mut rest, false)
        }
        _ => parse_options(&mut rest),
    }
}

/// What the options said before it is known whether they fit together.
#[derive(Default)]
struct Draft {
    action: Option<(Action, &'static str)>,
    sections: Option<Vec<Section>>,
    format: Option<Format>,
    settings: Vec<Setting>,
    targets: Vec<String>,
    file: Option<PathBuf>,
    every: Option<Duration>,
    warnings_are_errors: bool,
}

impl Draft {
    fn choose(&mut self, action: Action, option: &'static str) -> Result<(), Refusal> {
        match &self.action {
            Some((_, earlier)) if *earlier != option => Err(Refusal::invalid(format!(
                "Invalid combination of input arguments. {earlier} and {option} exclude each \
                 other. Please run 'nvidia-smi -h' for help.\n"
            ))),
            _ => {
                self.action = Some((action, option));
                Ok(())
            }
        }
    }

    fn query(&mut self, query: Query, names: &str, option: &'static str) -> Result<(), Refusal> {
        let fields = names
            .split(',')
            .map(str::trim)
            .map(|name| {
                query.field(name).ok_or_else(|| {
                    Refusal::invalid(format!("Field \"{name}\" is not a valid field to query.\n"))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let action = Action::Query {
            query,
            fields,
            format: Format::default(),
        };
        self.choose(action, option)
    }

    fn finish(mut self) -> Result<Request, Refusal> {
        if !self.settings.is_empty() {
            let settings = std::mem::take(&mut self.settings);
            self.choose(Action::Set(settings), "a device modification option")?;
        }
        let mut action = self.action.map_or(Action::Table, |(action, _)| action);
        if let Some(chosen) = self.sections {
            match &mut action {
                Action::Log(sections) => *sections = chosen,
                _ => {
                    return Err(Refusal::invalid(
                        "Invalid combination of input arguments. Specify -q/--query and \
                         -d/--display to run a filtered query.  Please run 'nvidia-smi -h' for \
                         help.\n",
                    ));
                }
            }
        }
        if let Some(wanted) = self.format {
            match &mut action {
                Action::Query { format, .. } => *format = wanted,
                _ => return Err(Refusal::out_of_place("--format")),
            }
        }
        let lists_or_sets = matches!(action, Action::List | Action::Set(_));
        if self.every.is_some() && lists_or_sets {
            return Err(Refusal::out_of_place("-l"));
        }
        // The real tool refuses it, too: the list is always the whole list.
        if action == Action::List && !self.targets.is_empty() {
            return Err(Refusal::out_of_place("-i"));
        }
        if action == Action::List && self.file.is_some() {
            return Err(Refusal::out_of_place("-f"));
        }
        Ok(Request {
            action,
            targets: self.targets,
            file: self.file,
            every: self.every,
            count: None,
            warnings_are_errors: self.warnings_are_errors,
        })
    }
}

fn parse_options(rest: &mut Rest<'_>) -> Result<Request, Refusal> {
    let mut draft = Draft::default();
    while let Some((name, attached)) = rest.option() {
        if let Some(setting) = parse_setting(&name, attached.clone(), rest)? {
            draft.settings.push(setting);
            continue;
        }
        match name.as_str() {
            "-h" | "--help" => draft.choose(Action::Help, "-h")?,
            "--version" => draft.choose(Action::Version, "--version")?,
            "-L" | "--list-gpus" => draft.choose(Action::List, "-L")?,
            "-q" | "--query" => draft.choose(Action::Log(Vec::new()), "-q")?,
            "-d" | "--display" => {
                draft.sections = Some(sections(&rest.value(&name, attached)?)?);
            }
            "--query-gpu" => {
                draft.query(Query::Gpu, &rest.value(&name, attached)?, "--query-gpu")?;
            }
            "--query-compute-apps" => {
                let names = rest.value(&name, attached)?;
                draft.query(Query::ComputeApps, &names, "--query-compute-apps")?;
            }
            "--query-supported-clocks" => {
                let names = rest.value(&name, attached)?;
                draft.query(Query::SupportedClocks, &names, "--query-supported-clocks")?;
            }
            "--help-query-gpu" => {
                draft.choose(Action::QueryHelp(Query::Gpu), "--help-query-gpu")?;
            }
            "--help-query-compute-apps" => {
                let action = Action::QueryHelp(Query::ComputeApps);
                draft.choose(action, "--help-query-compute-apps")?;
            }
            "--help-query-supported-clocks" => {
                let action = Action::QueryHelp(Query::SupportedClocks);
                draft.choose(action, "--help-query-supported-clocks")?;
            }
            "--format" => draft.format = Some(format(&rest.value(&name, attached)?)?),
            "-i" | "--id" => draft.targets = targets(&rest.value(&name, attached)?),
            "-f" | "--filename" => draft.file = Some(rest.value(&name, attached)?.into()),
            "-l" | "--loop" => {
                draft.every = Some(match rest.optional_value(attached) {
                    Some(text) => Duration::from_secs(interval(&name, &text)?),
                    None => DEFAULT_LOOP,
                });
            }
            "-lms" | "--loop-ms" => {
                let text = rest.value(&name, attached)?;
                draft.every = Some(Duration::from_millis(interval(&name, &text)?));
            }
            "-eow" | "--error-on-warning" => draft.warnings_are_errors = true,
            _ => return Err(Refusal::unknown(&name)),
        }
    }
    draft.finish()
}

/// A device modification option, if this is one.
fn parse_setting(
    name: &str,
    attached: Option<String>,
    rest: &mut Rest<'_>,
) -> Result<Option<Setting>, Refusal> {
    let setting = match name {
        "-rgc" | "--reset-gpu-clocks" => Setting::ResetGraphicsClocks,
        "-rmc" | "--reset-memory-clocks" => Setting::ResetMemoryClocks,
        "-rac" | "--reset-applications-clocks" => Setting::ResetApplicationClocks,
        "-pm" | "--persistence-mode" => {
            let text = rest.value(name, attached)?;
            Setting::Persistence(persistence(&text).map_err(Refusal::invalid)?)
        }
        "-pl" | "--power-limit" => {
            let text = rest.value(name, attached)?;
            Setting::PowerLimit {
                milliwatts: milliwatts(&text).map_err(Refusal::invalid)?,
            }
        }
        "-lgc" | "--lock-gpu-clocks" => {
            let text = rest.value(name, attached)?;
            let (min_mhz, max_mhz) = range(name, &text)?;
            Setting::LockGraphicsClocks { min_mhz, max_mhz }
        }
        "-lmc" | "--lock-memory-clocks" => {
            let text = rest.value(name, attached)?;
            let (min_mhz, max_mhz) = range(name, &text)?;
            Setting::LockMemoryClocks { min_mhz, max_mhz }
        }
        "-ac" | "--applications-clocks" => {
            let text = rest.value(name, attached)?;
            let (memory_mhz, graphics_mhz) = pair(name, &text).map_err(Refusal::invalid)?;
            let graphics_mhz = graphics_mhz.ok_or_else(|| {
                Refusal::invalid(format!(
                    "{name} takes two clocks in MHz, memory,graphics, got \"{text}\"."
                ))
            })?;
            Setting::ApplicationClocks {
                memory_mhz,
                graphics_mhz,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(setting))
}

fn parse_monitor(rest: &mut Rest<'_>, of_devices: bool) -> Result<Request, Refusal> {
    let mut request = Request {
        action: Action::ProcessMonitor,
        targets: Vec::new(),
        file: None,
        every: Some(DEFAULT_DELAY),
        count: None,
        warnings_are_errors: false,
    };
    let mut options = dmon::Options::default();
    while let Some((name, attached)) = rest.option() {
        match name.as_str() {
            "-h" | "--help" => {
                request.action = Action::Help;
                return Ok(request);
            }
            "-i" | "--id" => request.targets = targets(&rest.value(&name, attached)?),
            "-f" | "--filename" => request.file = Some(rest.value(&name, attached)?.into()),
            "-d" | "--delay" => {
                let text = rest.value(&name, attached)?;
                request.every = Some(Duration::from_secs(interval(&name, &text)?));
            }
            "-c" | "--count" => {
                let text = rest.value(&name, attached)?;
                request.count = Some(interval(&name, &text)?);
            }
            "-s" | "--select" if of_devices => {
                let letters = rest.value(&name, attached)?;
                options.select(&letters).map_err(Refusal::unusable)?;
            }
            "-o" | "--options" if of_devices => {
                let letters = rest.value(&name, attached)?;
                options.show(&letters).map_err(Refusal::unusable)?;
            }
            _ => return Err(Refusal::unknown(&name)),
        }
    }
    if of_devices {
        request.action = Action::Monitor(options);
    }
    Ok(request)
}

fn sections(list: &str) -> Result<Vec<Section>, Refusal> {
    list.split(',')
        .map(|word| {
            Section::named(word.trim())
                .ok_or_else(|| Refusal::invalid("Failed to parse --display/-d flags"))
        })
        .collect()
}

fn format(list: &str) -> Result<Format, Refusal> {
    let mut format = Format::default();
    for word in list.split(',') {
        match word.trim() {
            "csv" => {}
            "noheader" => format.header = false,
            "nounits" => format.units = false,
            _ => return Err(Refusal::invalid("Format modifier is not recognized.")),
        }
    }
    Ok(format)
}

fn targets(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

/// A pause or a count: a whole number from one. The real tool takes nonsense for 100 ms; a typing
/// error that fills a disk helps nobody, so here it is refused.
fn interval(option: &str, text: &str) -> Result<u64, Refusal> {
    whole(option, text).map_err(Refusal::invalid)
}

/// A range of clocks; one number is both its ends.
fn range(option: &str, text: &str) -> Result<(u32, u32), Refusal> {
    let (min_mhz, max_mhz) = pair(option, text).map_err(Refusal::invalid)?;
    let max_mhz = max_mhz.unwrap_or(min_mhz);
    if min_mhz > max_mhz {
        return Err(Refusal::invalid(format!(
            "{option} takes the lower clock first, got \"{text}\"."
        )));
    }
    Ok((min_mhz, max_mhz))
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
