//! Numbers and words of the command line. An error says which option, what was given and what was
//! expected.

/// A whole number from one.
pub(crate) fn whole(option: &str, text: &str) -> Result<u64, String> {
    match text.trim().parse::<u64>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!(
            "{option} takes a whole number from 1, got \"{text}\"."
        )),
    }
}

/// One clock, or two with a comma between them, in MHz.
pub(crate) fn pair(option: &str, text: &str) -> Result<(u32, Option<u32>), String> {
    let clock = |part: &str| {
        part.trim()
            .parse::<u32>()
            .map_err(|_| format!("{option} takes clocks in MHz as whole numbers, got \"{text}\"."))
    };
    match text.split_once(',') {
        Some((first, second)) => Ok((clock(first)?, Some(clock(second)?))),
        None => Ok((clock(text)?, None)),
    }
}

/// Watts with at most three digits behind the point, as milliwatts.
pub(crate) fn milliwatts(text: &str) -> Result<u32, String> {
    let refusal =
        || format!("-pl takes a power in watts such as 200 or 187.5, above zero, got \"{text}\".");
    let (watts, thousandths) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if watts.is_empty() || !digits(watts) || !digits(thousandths) || thousandths.len() > 3 {
        return Err(refusal());
    }
    let watts: u32 = watts.parse().map_err(|_| refusal())?;
    let thousandths: u32 = format!("{thousandths:0<3}")
        .parse()
        .map_err(|_| refusal())?;
    match watts
        .checked_mul(1000)
        .and_then(|milliwatts| milliwatts.checked_add(thousandths))
    {
        Some(milliwatts) if milliwatts > 0 => Ok(milliwatts),
        _ => Err(refusal()),
    }
}

/// `0`, `1`, `DISABLED` or `ENABLED`.
pub(crate) fn persistence(text: &str) -> Result<bool, String> {
    match text.to_ascii_uppercase().as_str() {
        "1" | "ENABLED" => Ok(true),
        "0" | "DISABLED" => Ok(false),
        _ => Err(format!(
            "-pm takes 0, 1, DISABLED or ENABLED, got \"{text}\"."
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn powers_are_read_to_the_milliwatt() {
        assert_eq!(milliwatts("200"), Ok(200_000));
        assert_eq!(milliwatts("187.5"), Ok(187_500));
        assert_eq!(milliwatts("0.001"), Ok(1));
        for wrong in [
            "", "0", "-1", "1e3", "200W", "1.0001", ".5", "4294968", "+5",
        ] {
            let error = milliwatts(wrong).expect_err(wrong);
            assert!(error.contains(&format!("\"{wrong}\"")), "{error}");
        }
    }

    #[test]
    fn clocks_come_alone_or_in_pairs() {
        assert_eq!(pair("-lgc", "1200"), Ok((1200, None)));
        assert_eq!(pair("-ac", "877,1380"), Ok((877, Some(1380))));
        assert_eq!(pair("-ac", "877, 1380"), Ok((877, Some(1380))));
        assert!(pair("-ac", "877,").is_err());
        assert!(pair("-lgc", "tdp").is_err());
    }

    #[test]
    fn words_for_persistence_are_read_in_any_case() {
        assert_eq!(persistence("Enabled"), Ok(true));
        assert_eq!(persistence("0"), Ok(false));
        assert!(persistence("2").is_err());
    }

    #[test]
    fn a_pause_of_nothing_is_refused() {
        assert_eq!(whole("-lms", "50"), Ok(50));
        for wrong in ["0", "x", "-1", "1.5", ""] {
            assert!(whole("-lms", wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn watts_survive_writing_and_reading(milliwatts_in in 1_u32..4_000_000) {
            let text = format!("{}.{:03}", milliwatts_in / 1000, milliwatts_in % 1000);
            prop_assert_eq!(milliwatts(&text), Ok(milliwatts_in));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (milliwatts(&text), pair("-ac", &text), persistence(&text), whole("-l", &text));
        }
    }
}
