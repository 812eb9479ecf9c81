//! Which cards `-i` means.

/// The names of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) index: u32,
    pub(crate) uuid: String,
    pub(crate) bus_id: String,
    pub(crate) serial: String,
}

impl Names {
    fn is(&self, target: &str) -> bool {
        target.parse() == Ok(self.index)
            || target.eq_ignore_ascii_case(&self.uuid)
            || (!self.serial.is_empty() && target == self.serial)
            || address(target).is_some_and(|wanted| address(&self.bus_id) == Some(wanted))
    }
}

/// Domain, bus, device and function out of `3B:00.0`, `0000:3B:00.0` or `00000000:3b:00.0`.
fn address(text: &str) -> Option<(u32, u32, u32, u32)> {
    let hexadecimal = |part: &str| u32::from_str_radix(part, 16).ok();
    let (place, function) = text.rsplit_once('.')?;
    let mut parts = place.rsplit(':');
    let device = hexadecimal(parts.next()?)?;
    let bus = hexadecimal(parts.next()?)?;
    let domain = parts.next().map_or(Some(0), hexadecimal)?;
    parts
        .next()
        .is_none()
        .then_some((domain, bus, device, hexadecimal(function)?))
}

/// Places in `cards` of those that the targets mean, in the order of the machine. No targets mean
/// all cards. `None`: a target that fits no card.
pub(crate) fn choose(cards: &[Names], targets: &[String]) -> Option<Vec<usize>> {
    if targets
        .iter()
        .any(|target| !cards.iter().any(|card| card.is(target)))
    {
        return None;
    }
    let chosen = cards
        .iter()
        .enumerate()
        .filter(|(_, card)| targets.is_empty() || targets.iter().any(|target| card.is(target)))
        .map(|(place, _)| place)
        .collect();
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards() -> Vec<Names> {
        [(0, "00000000:3B:00.0"), (1, "00000000:E1:00.0")]
            .into_iter()
            .map(|(index, bus_id)| Names {
                index,
                uuid: format!("GPU-0000000{index}-aa"),
                bus_id: bus_id.to_owned(),
                serial: format!("EMU000000000{index}"),
            })
            .collect()
    }

    fn chosen(targets: &[&str]) -> Option<Vec<usize>> {
        let targets: Vec<String> = targets.iter().map(|&target| target.to_owned()).collect();
        choose(&cards(), &targets)
    }

    #[test]
    fn a_card_answers_to_all_its_names() {
        for name in [
            "1",
            "GPU-00000001-AA",
            "EMU0000000001",
            "E1:00.0",
            "0000:e1:00.0",
            "00000000:E1:00.0",
        ] {
            assert_eq!(chosen(&[name]), Some(vec![1]), "{name}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_machine() {
        assert_eq!(chosen(&[]), Some(vec![0, 1]));
        assert_eq!(chosen(&["1", "0", "0"]), Some(vec![0, 1]));
    }

    #[test]
    fn an_unknown_card_is_none_even_beside_a_known_one() {
        for wrong in ["7", "GPU-xx", "", "E1:01.0", "0001:E1:00.0", "0:0:0:0.0"] {
            assert_eq!(chosen(&[wrong]), None, "{wrong}");
            assert_eq!(chosen(&["0", wrong]), None, "{wrong}");
        }
    }
}
