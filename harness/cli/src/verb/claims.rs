//! `joulebench claims`

use crate::args::ClaimsArguments;
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;
use crate::verdicts;

pub(crate) fn run(arguments: &ClaimsArguments) -> anyhow::Result<Exit> {
    let places = &arguments.places;
    let derivation = Derivation::new(Layout::new(&places.root), &places.out, &[])?;
    let claims = derivation.claims()?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&claims)?);
    } else {
        say!("{}", verdicts::table(&claims, None).trim_end());
    }
    Ok(if verdicts::hold(&claims) {
        Exit::Success
    } else {
        Exit::Failure
    })
}
