//! The choice among boxes, on the host.

use crate::image::Suppression;

/// The numbers of the `most` largest scores, best first, equal ones by number. What is not a number
/// comes last.
pub fn ranked(scores: &[f32], most: usize) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0_u32..).take(scores.len()).collect();
    let score = |number: &u32| {
        let score = scores[*number as usize];
        if score.is_nan() {
            f32::NEG_INFINITY
        } else {
            // The two zeros are equal.
            score + 0.0
        }
    };
    numbers.sort_by(|a, b| score(b).total_cmp(&score(a)));
    numbers.truncate(most);
    numbers
}

/// Non-maximum suppression (as in torchvision): of the boxes in `order`, best first, those that no
/// kept one of their group overlaps by more than the threshold; at most `most`.
pub fn suppressed(
    boxes: &[[f32; 4]],
    scores: &[f32],
    groups: Option<&[u32]>,
    order: impl Iterator<Item = u32>,
    suppression: &Suppression,
    most: usize,
) -> Vec<u32> {
    let mut kept: Vec<u32> = Vec::new();
    for number in order {
        if kept.len() == most {
            break;
        }
        let place = number as usize;
        // Not a number is not above the least score either.
        if scores[place].partial_cmp(&suppression.least_score) != Some(std::cmp::Ordering::Greater)
        {
            continue;
        }
        let gives_way = kept.iter().any(|better| {
            let better = *better as usize;
            groups.is_none_or(|groups| groups[better] == groups[place])
                && overlap(&boxes[better], &boxes[place]) > suppression.iou_threshold
        });
        if !gives_way {
            kept.push(number);
        }
    }
    kept
}

/// Shared area by common area.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: &[f32; 4]| (right - left) * (bottom - top);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = width * height;
    shared / (area(a) + area(b) - shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Suppression = Suppression {
        iou_threshold: 0.5,
        least_score: f32::NEG_INFINITY,
    };

    #[test]
    fn equal_scores_keep_their_order() {
        let scores = [0.5, f32::NAN, 0.7, 0.5, 0.0, -0.0, -1.0];
        assert_eq!(ranked(&scores, 9), [2, 0, 3, 4, 5, 6, 1]);
        assert_eq!(ranked(&scores, 2), [2, 0]);
    }

    #[test]
    fn a_box_gives_way_to_a_kept_one_only() {
        // A chain: 0 overlaps 1 and 1 overlaps 2 by 0.6, 0 overlaps 2 by 1/3. When 1 has given way,
        // it no longer stands in the way of 2.
        let boxes = [
            [0.0, 0.0, 8.0, 1.0],
            [2.0, 0.0, 10.0, 1.0],
            [4.0, 0.0, 12.0, 1.0],
        ];
        let scores = [0.9, 0.8, 0.7];
        assert!((overlap(&boxes[0], &boxes[1]) - 0.6).abs() < 1e-6);
        let run = |groups: Option<&[u32]>, suppression: &Suppression, most| {
            suppressed(&boxes, &scores, groups, 0..3, suppression, most)
        };
        assert_eq!(run(None, &HALF, 3), [0, 2]);
        assert_eq!(run(None, &HALF, 1), [0]);
        assert_eq!(run(Some(&[0, 1, 0]), &HALF, 3), [0, 1, 2]);
        let exactly = Suppression {
            iou_threshold: overlap(&boxes[0], &boxes[1]),
            ..HALF
        };
        assert_eq!(
            run(None, &exactly, 3),
            [0, 1, 2],
            "only above the threshold"
        );
        let picky = Suppression {
            least_score: 0.8,
            ..HALF
        };
        assert_eq!(run(None, &picky, 3), [0]);
        // Boxes without area overlap nothing: 0/0 is above no threshold.
        let flat = [[1.0; 4], [1.0; 4]];
        assert_eq!(suppressed(&flat, &[0.9, 0.8], None, 0..2, &HALF, 2), [0, 1]);
    }

    #[test]
    fn choices_are_those_of_torchvision() {
        // 40 boxes of whole numbers from a linear congruential generator; many scores are equal.
        let mut state = 12_345_u64;
        let mut draw = |limit: u64| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            ((state >> 8) % limit) as f32
        };
        let (mut boxes, mut scores) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let (left, top) = (draw(60), draw(60));
            let (width, height) = (5.0 + draw(30), 5.0 + draw(30));
            boxes.push([left, top, left + width, top + height]);
            scores.push(draw(20) / 20.0);
        }
        let groups: Vec<u32> = (0..40).map(|number| number % 3).collect();
        // torchvision 0.26, ops.nms and ops.batched_nms.
        let cases: [(f32, bool, &[u32]); 3] = [
            (
                0.1,
                false,
                &[
                    25, 27, 6, 3, 11, 16, 39, 12, 14, 19, 32, 13, 5, 21, 18, 37, 30,
                ],
            ),
            (
                0.1,
                true,
                &[
                    25, 27, 35, 22, 6, 3, 4, 11, 16, 31, 39, 12, 14, 23, 32, 13, 38, 7, 5, 21, 2,
                    10, 18, 30,
                ],
            ),
            (
                0.3,
                false,
                &[
                    25, 27, 35, 22, 6, 3, 11, 16, 31, 39, 12, 14, 19, 23, 32, 33, 9, 13, 7, 21, 2,
                    18, 37, 17,
                ],
            ),
        ];
        for (iou_threshold, grouped, expected) in cases {
            let suppression = Suppression {
                iou_threshold,
                ..HALF
            };
            let order = ranked(&scores, 40).into_iter();
            let groups = grouped.then_some(groups.as_slice());
            let found = suppressed(&boxes, &scores, groups, order, &suppression, 40);
            assert_eq!(found, expected, "{iou_threshold} {grouped}");
        }
    }
}
