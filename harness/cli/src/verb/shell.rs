//! `joulebench completions` and `joulebench man`

use std::io;

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArguments, ManArguments};
use crate::exit::Exit;
use crate::output::say;

#[expect(clippy::unnecessary_wraps, reason = "every verb has the same form")]
pub(crate) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "joulebench",
        &mut io::stdout(),
    );
    Ok(Exit::Success)
}

pub(crate) fn man(arguments: &ManArguments) -> anyhow::Result<Exit> {
    fs_err::create_dir_all(&arguments.folder)?;
    clap_mangen::generate_to(Arguments::command(), &arguments.folder)?;
    say!("man pages are in {}", arguments.folder.display());
    Ok(Exit::Success)
}
