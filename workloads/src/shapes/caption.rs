//! Scenes in words: `a small red circle at the top left`.

use super::scene::{Colour, Kind, Place, Scene, Shape, Size};

/// Words of captions. A caption is a set of them: the words of size, colour, kind and place are
/// different, so nothing is lost.
pub const WORDS: [&str; 20] = [
    "a", "at", "the", "small", "large", "red", "green", "blue", "yellow", "purple", "white",
    "circle", "square", "triangle", "cross", "top", "bottom", "left", "right", "centre",
];

/// What a caption asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caption {
    /// How large.
    pub size: Size,
    /// What colour.
    pub colour: Colour,
    /// What.
    pub kind: Kind,
    /// Where.
    pub place: Place,
}

impl Caption {
    /// Number of different captions.
    pub const COUNT: usize = 2 * 6 * 4 * Place::COUNT;

    /// That of a scene of one shape; `None` for other scenes.
    pub fn of(scene: &Scene) -> Option<Self> {
        let (
            &[
                Shape {
                    size, colour, kind, ..
                },
            ],
            Some(place),
        ) = (scene.shapes.as_slice(), scene.place)
        else {
            return None;
        };
        Some(Self {
            size,
            colour,
            kind,
            place,
        })
    }

    /// The caption of a number below [`Caption::COUNT`]; each is one of them.
    ///
    /// # Panics
    /// The number is not below [`Caption::COUNT`].
    pub fn numbered(number: usize) -> Self {
        assert!(number < Self::COUNT, "there is no caption {number}");
        Self {
            kind: Kind::ALL[number % 4],
            colour: Colour::ALL[number / 4 % 6],
            place: Place::of_class(number / 24 % Place::COUNT),
            size: Size::ALL[number / (24 * Place::COUNT)],
        }
    }

    /// So many captions: kinds, colours, places and sizes in turn, and none twice before all have
    /// come.
    pub fn spread(count: usize) -> Vec<Self> {
        // 125 has no divisor in common with 432.
        (0..count)
            .map(|index| Self::numbered(index * 125 % Self::COUNT))
            .collect()
    }

    /// In words.
    pub fn text(&self) -> String {
        format!(
            "a {} {} {} at the {}",
            self.size.word(),
            self.colour.word(),
            self.kind.word(),
            self.place.words()
        )
    }

    /// Class of kind and colour together, as [`Shape::class`].
    pub const fn class(&self) -> usize {
        self.kind as usize * Colour::ALL.len() + self.colour as usize
    }

    /// 1 for each of [`WORDS`] that it has, otherwise 0: what networks read.
    pub fn bag(&self) -> [f32; WORDS.len()] {
        let text = self.text();
        WORDS.map(|word| f32::from(u8::from(text.split(' ').any(|w| w == word))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_caption_is_another_text_and_another_set_of_words() {
        let all: Vec<Caption> = (0..Caption::COUNT).map(Caption::numbered).collect();
        let texts: BTreeSet<String> = all.iter().map(Caption::text).collect();
        assert_eq!(texts.len(), Caption::COUNT);
        assert!(texts.contains("a small red circle at the top left"));
        let bags: BTreeSet<String> = all.iter().map(|c| format!("{:?}", c.bag())).collect();
        assert_eq!(bags.len(), Caption::COUNT);
        let spread: BTreeSet<Caption> = Caption::spread(Caption::COUNT).into_iter().collect();
        assert_eq!(spread.len(), Caption::COUNT);
        let known = |text: &String| text.split(' ').all(|word| WORDS.contains(&word));
        assert!(texts.iter().all(known));
    }
}
