//! What is to be seen: one shape where a caption can say it, or up to three anywhere.
//!
//! Lengths are in units of which a picture has [`SIDE_UNITS`] from edge to edge, whatever its
//! number of pixels, so one scene can be drawn small and large. The part that a scene belongs to is
//! a function of what it is, so no scene is in both.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::corpus::Part;

/// Units from edge to edge of a picture.
pub const SIDE_UNITS: i32 = 512;

/// The largest part of the smaller of two boxes that the other one may cover, in percent.
pub const MOST_OVERLAP_PERCENT: i64 = 10;

/// One scene in five is held out.
const HELD_OUT_BELOW: u8 = 51;

/// What a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A disc.
    Circle,
    /// Upright.
    Square,
    /// With its tip up.
    Triangle,
    /// Upright, with arms of a third of its width.
    Cross,
}

impl Kind {
    /// All, in the order of their classes.
    pub const ALL: [Self; 4] = [Self::Circle, Self::Square, Self::Triangle, Self::Cross];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Cross => "cross",
        }
    }
}

/// What colour a shape has, but for a small deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// Red.
    Red,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Yellow.
    Yellow,
    /// Purple.
    Purple,
    /// White.
    White,
}

impl Colour {
    /// All, in the order of their classes.
    pub const ALL: [Self; 6] = [
        Self::Red,
        Self::Green,
        Self::Blue,
        Self::Yellow,
        Self::Purple,
        Self::White,
    ];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
            Self::White => "white",
        }
    }

    /// Red, green and blue, before the deviation.
    pub const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [220, 50, 50],
            Self::Green => [50, 190, 70],
            Self::Blue => [60, 90, 230],
            Self::Yellow => [235, 210, 50],
            Self::Purple => [180, 70, 200],
            Self::White => [235, 235, 235],
        }
    }
}

/// How large a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// About a fifth of the picture wide.
    Small,
    /// About a third of the picture wide.
    Large,
}

impl Size {
    /// Both, in the order of their classes.
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    /// Smallest and largest half width, in units.
    const fn radii(self) -> [i32; 2] {
        match self {
            Self::Small => [48, 56],
            Self::Large => [80, 92],
        }
    }
}

/// Where the one shape of a captioned scene is: a cell of a grid of three by three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From the left: 0 to 2.
    pub column: u8,
    /// From the top: 0 to 2.
    pub row: u8,
}

impl Place {
    /// Number of places.
    pub const COUNT: usize = 9;

    /// The place of a class, row by row.
    ///
    /// # Panics
    /// The class is not below [`Place::COUNT`].
    pub fn of_class(class: usize) -> Self {
        assert!(class < Self::COUNT, "there is no place {class}");
        let [column, row] = [class % 3, class / 3].map(|n| u8::try_from(n).expect("below three"));
        Self { column, row }
    }

    /// Its class, row by row.
    pub fn class(self) -> usize {
        usize::from(self.row) * 3 + usize::from(self.column)
    }

    /// Its name.
    pub const fn words(self) -> &'static str {
        match (self.row, self.column) {
            (0, 0) => "top left",
            (0, 1) => "top",
            (0, _) => "top right",
            (1, 0) => "left",
            (1, 1) => "centre",
            (1, _) => "right",
            (_, 0) => "bottom left",
            (_, 1) => "bottom",
            (_, _) => "bottom right",
        }
    }
}

/// How far the middle of a captioned shape may be from the middle of its cell, in units.
const PLACE_JITTER: i32 = 16;

/// Middles of the three columns and rows, in units.
const PLACE_MIDDLES: [i32; 3] = [112, 256, 400];

/// How far each part of a colour may be from that of its name.
const COLOUR_JITTER: i32 = 12;

/// Darkest and brightest background.
const BACKGROUND: [i32; 2] = [16, 64];

/// One shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// What it is.
    pub kind: Kind,
    /// What colour is meant.
    pub colour: Colour,
    /// How large it is meant.
    pub size: Size,
    /// The colour that it has.
    pub rgb: [u8; 3],
    /// Its middle from the left, in units.
    pub x: i32,
    /// Its middle from the top, in units.
    pub y: i32,
    /// Half its width, in units.
    pub radius: i32,
}

/// Number of classes of kind and colour together.
pub const KIND_COLOURS: usize = Kind::ALL.len() * Colour::ALL.len();

impl Shape {
    /// Class of kind and colour together: the kind first.
    pub const fn class(&self) -> usize {
        self.kind as usize * Colour::ALL.len() + self.colour as usize
    }

    /// Left, top, right and bottom, in units.
    pub const fn bounds(&self) -> [i32; 4] {
        let r = self.radius;
        let [left, top, right, bottom] = match self.kind {
            Kind::Circle | Kind::Cross => [r, r, r, r],
            Kind::Square => [r * 7 / 8, r * 7 / 8, r * 7 / 8, r * 7 / 8],
            Kind::Triangle => [r, r, r, r * 3 / 4],
        };
        [self.x - left, self.y - top, self.x + right, self.y + bottom]
    }

    /// Whether the point is inside; the edge belongs to the shape.
    pub const fn covers(&self, x: i32, y: i32) -> bool {
        let (dx, dy, r) = ((x - self.x).abs(), y - self.y, self.radius);
        match self.kind {
            Kind::Circle => dx * dx + dy * dy <= r * r,
            Kind::Square => dx <= r * 7 / 8 && dy.abs() <= r * 7 / 8,
            // From no width at the tip to the full width 7/4 radii below.
            Kind::Triangle => dy >= -r && dy <= r * 3 / 4 && 7 * dx <= 4 * (dy + r),
            Kind::Cross => (3 * dx <= r && dy.abs() <= r) || (3 * dy.abs() <= r && dx <= r),
        }
    }

    /// Percent of the smaller of two boxes that the other covers, rounded up.
    fn overlap_percent(&self, other: &Self) -> i64 {
        let [a, b] = [self.bounds(), other.bounds()];
        let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0);
        let area = |b: [i32; 4]| i64::from(b[2] - b[0]) * i64::from(b[3] - b[1]);
        let shared = i64::from(side(0)) * i64::from(side(1));
        (100 * shared + area(a).min(area(b)) - 1) / area(a).min(area(b))
    }
}

/// What is to be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scene {
    /// Grey of the background.
    pub background: u8,
    /// Shapes, later ones before earlier ones.
    pub shapes: Vec<Shape>,
    /// Where the one shape is, in scenes that have captions.
    pub place: Option<Place>,
}

impl Scene {
    /// The next scene of one shape at a named place.
    pub fn captioned(rng: &mut ChaCha8Rng, part: Part) -> Self {
        Self::of_part(part, || {
            let place = Place::of_class(below(rng, Place::COUNT));
            let shape = drawn(rng);
            let jitter = [-PLACE_JITTER, PLACE_JITTER];
            let middle = |cell: u8| PLACE_MIDDLES[usize::from(cell)];
            let x = middle(place.column) + between(rng, jitter);
            let y = middle(place.row) + between(rng, jitter);
            Self {
                background: byte(between(rng, BACKGROUND)),
                shapes: vec![Shape { x, y, ..shape }],
                place: Some(place),
            }
        })
    }

    /// The next scene of one to three shapes anywhere inside. No box covers more than
    /// [`MOST_OVERLAP_PERCENT`] of another.
    pub fn crowded(rng: &mut ChaCha8Rng, part: Part) -> Self {
        Self::of_part(part, || {
            let count = 1 + below(rng, 3);
            let mut shapes: Vec<Shape> = Vec::with_capacity(count);
            while shapes.len() < count {
                let shape = drawn(rng);
                let inside = [shape.radius, SIDE_UNITS - shape.radius];
                let shape = Shape {
                    x: between(rng, inside),
                    y: between(rng, inside),
                    ..shape
                };
                if shapes
                    .iter()
                    .all(|other| shape.overlap_percent(other) <= MOST_OVERLAP_PERCENT)
                {
                    shapes.push(shape);
                }
            }
            Self {
                background: byte(between(rng, BACKGROUND)),
                shapes,
                place: None,
            }
        })
    }

    fn of_part(part: Part, mut next: impl FnMut() -> Self) -> Self {
        loop {
            let scene = next();
            if scene.part() == part {
                return scene;
            }
        }
    }

    /// The part of a scene: a function of what it is.
    pub fn part(&self) -> Part {
        let hash = Sha256::digest(serde_json::to_vec(self).expect("plain data"));
        if hash[0] < HELD_OUT_BELOW {
            Part::HeldOut
        } else {
            Part::Training
        }
    }
}

/// A shape of any kind, colour and size, nowhere yet.
fn drawn(rng: &mut ChaCha8Rng) -> Shape {
    let kind = Kind::ALL[below(rng, Kind::ALL.len())];
    let colour = Colour::ALL[below(rng, Colour::ALL.len())];
    let size = Size::ALL[below(rng, Size::ALL.len())];
    Shape {
        kind,
        colour,
        size,
        rgb: colour
            .rgb()
            .map(|part| byte(i32::from(part) + between(rng, [-COLOUR_JITTER, COLOUR_JITTER]))),
        x: 0,
        y: 0,
        radius: between(rng, size.radii()),
    }
}

/// A number below `end`; the bias of the remainder is below 2^-32.
pub(super) fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    let end = u64::try_from(end).expect("a length fits 64 bits");
    usize::try_from(rng.next_u64() % end).expect("less than a length")
}

/// A number from the first to the second, both included.
fn between(rng: &mut ChaCha8Rng, [low, high]: [i32; 2]) -> i32 {
    let span = usize::try_from(high - low + 1).expect("in order");
    low + i32::try_from(below(rng, span)).expect("less than a span")
}

fn byte(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).expect("clamped")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand_core::SeedableRng;

    use super::*;

    const COUNT: usize = 4320;

    fn captioned() -> Vec<Scene> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..COUNT)
            .map(|_| Scene::captioned(&mut rng, Part::Training))
            .collect()
    }

    #[test]
    fn labels_are_balanced_and_shapes_are_inside() {
        let scenes = captioned();
        let mut counts: [BTreeMap<usize, usize>; 3] = Default::default();
        for scene in &scenes {
            let shape = &scene.shapes[0];
            let classes = [
                shape.class(),
                shape.size as usize,
                scene.place.expect("captioned").class(),
            ];
            for (counts, class) in counts.iter_mut().zip(classes) {
                *counts.entry(class).or_default() += 1;
            }
            assert!(
                shape.bounds().iter().all(|b| (0..=SIDE_UNITS).contains(b)),
                "{shape:?}"
            );
        }
        for (counts, classes) in counts.iter().zip([KIND_COLOURS, 2, Place::COUNT]) {
            let expected = COUNT as f64 / classes as f64;
            assert_eq!(counts.len(), classes);
            // Five standard errors of a count.
            assert!(
                counts
                    .values()
                    .all(|count| (*count as f64 - expected).abs() < 5.0 * expected.sqrt()),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn boxes_of_a_crowd_hardly_overlap_and_all_counts_occur() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut counts = [0usize; 4];
        for _ in 0..1000 {
            let scene = Scene::crowded(&mut rng, Part::HeldOut);
            counts[scene.shapes.len()] += 1;
            for (index, one) in scene.shapes.iter().enumerate() {
                assert!(one.bounds().iter().all(|b| (0..=SIDE_UNITS).contains(b)));
                for other in &scene.shapes[..index] {
                    assert!(one.overlap_percent(other) <= MOST_OVERLAP_PERCENT);
                }
            }
        }
        assert_eq!(counts[0], 0);
        assert!(
            counts[1..].iter().all(|count| (250..420).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_share_of_an_overlap_is_that_of_the_smaller_box() {
        let square = Shape {
            kind: Kind::Circle,
            colour: Colour::Red,
            size: Size::Large,
            rgb: [0; 3],
            x: 100,
            y: 100,
            radius: 80,
        };
        let small = Shape {
            radius: 40,
            x: 200,
            ..square
        };
        // 20 of 80 units wide.
        assert_eq!(square.overlap_percent(&small), 25);
        assert_eq!(small.overlap_percent(&square), 25);
        assert_eq!(square.overlap_percent(&Shape { x: 300, ..small }), 0);
    }

    #[test]
    fn no_scene_is_in_both_parts_and_a_fifth_is_held_out() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let held_out = Scene::captioned(&mut rng, Part::HeldOut);
        assert_eq!(held_out.part(), Part::HeldOut);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let count = (0..1000)
            .map(|_| Scene {
                background: byte(between(&mut rng, BACKGROUND)),
                shapes: vec![drawn(&mut rng)],
                place: None,
            })
            .filter(|scene| scene.part() == Part::HeldOut)
            .count();
        assert!((140..260).contains(&count), "{count}");
    }

    #[test]
    fn edges_belong_to_their_shape() {
        let at = |kind| Shape {
            kind,
            colour: Colour::Blue,
            size: Size::Large,
            rgb: [0; 3],
            x: 0,
            y: 0,
            radius: 84,
        };
        for kind in Kind::ALL {
            let shape = at(kind);
            let [left, top, right, bottom] = shape.bounds();
            let row = if kind == Kind::Triangle { bottom } else { 0 };
            assert!(
                shape.covers(left, row) && shape.covers(right, row),
                "{kind:?}"
            );
            assert!(!shape.covers(left - 1, row) && !shape.covers(right + 1, row));
            assert!(shape.covers(0, top) && shape.covers(0, bottom), "{kind:?}");
            assert!(!shape.covers(0, top - 1) && !shape.covers(0, bottom + 1));
        }
        assert!(!at(Kind::Cross).covers(40, 40));
        assert!(!at(Kind::Circle).covers(70, 70));
        assert!(at(Kind::Square).covers(70, 70));
        assert!(!at(Kind::Triangle).covers(60, 0));
    }
}
