//! Numbers of a `config.json`, checked in the same words for every architecture.

/// A field by its name in the file, with its value.
pub type Field = (&'static str, usize);

/// The first field in which another shape differs, as `field is theirs, expected ours`.
pub fn difference(ours: &[Field], theirs: &[Field]) -> Option<String> {
    ours.iter()
        .zip(theirs)
        .find(|((_, ours), (_, theirs))| ours != theirs)
        .map(|((field, ours), (_, theirs))| format!("'{field}' is {theirs}, expected {ours}"))
}

/// Refuses a shape with nothing of something.
///
/// # Errors
/// The first field that is zero.
pub fn check_positive(fields: &[Field]) -> Result<(), String> {
    match fields.iter().find(|(_, value)| *value == 0) {
        Some((field, _)) => Err(format!("'{field}' is 0, expected 1 or more")),
        None => Ok(()),
    }
}

/// Refuses a width that heads cannot share evenly.
///
/// # Errors
/// Both fields.
pub fn check_heads((field, width): Field, (heads_field, heads): Field) -> Result<(), String> {
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(format!(
        "'{field}' is {width}, expected a multiple of {heads_field} ({heads})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_at_fault_is_named() {
        let ours = [("a", 1), ("b", 2), ("c", 3)];
        let theirs = [("a", 1), ("b", 5), ("c", 0)];
        let found = difference(&ours, &theirs);
        assert_eq!(found.as_deref(), Some("'b' is 5, expected 2"));
        assert_eq!(difference(&ours, &ours), None);
        let found = check_positive(&theirs);
        assert_eq!(found, Err("'c' is 0, expected 1 or more".to_owned()));
        assert_eq!(check_positive(&ours), Ok(()));
        assert_eq!(check_heads(("width", 12), ("heads", 4)), Ok(()));
        let found = check_heads(("width", 12), ("heads", 5));
        let expected = "'width' is 12, expected a multiple of heads (5)";
        assert_eq!(found, Err(expected.to_owned()));
    }
}
