//! Where the values of a pass lie: in as little memory as their lifetimes allow.
//!
//! A value lives from the node that makes it to the last one that reads it; what is put out lives
//! to the end. Values that never live at the same time share a buffer. Less memory also means that
//! more of it stays in the cache of the device.

use super::description::{Description, Operation};

/// The buffers of a network, and which of them each value lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Numbers of each buffer, for one picture.
    pub(super) buffers: Vec<usize>,
    /// The buffer of each value; the picture that is looked at has memory of its own.
    pub(super) places: Vec<Option<usize>>,
}

impl Plan {
    /// Goes through the nodes in their order, and gives each the free buffer that fits it best.
    pub fn of(network: &Description) -> Self {
        let last_reads = last_reads(network);
        let mut plan = Self {
            buffers: Vec::new(),
            places: vec![None; network.nodes.len()],
        };
        let mut free: Vec<usize> = Vec::new();
        for (index, node) in network.nodes.iter().enumerate() {
            if node.operation != Operation::Picture {
                let place = plan.take(&mut free, node.shape.elements());
                plan.places[index] = Some(place);
            }
            // What is read here for the last time is free afterwards, not before: no operation may
            // write over what it reads.
            let mut done: Vec<usize> = node.inputs.iter().map(|value| value.0).collect();
            done.push(index);
            done.sort_unstable();
            done.dedup();
            for value in done {
                if last_reads[value] == Some(index) {
                    free.extend(plan.places[value]);
                }
            }
        }
        plan
    }

    /// The smallest free buffer that is large enough; otherwise the largest one, made larger; or a
    /// new one.
    fn take(&mut self, free: &mut Vec<usize>, elements: usize) -> usize {
        let fitting = free
            .iter()
            .enumerate()
            .filter(|(_, buffer)| self.buffers[**buffer] >= elements)
            .min_by_key(|(_, buffer)| self.buffers[**buffer]);
        let largest = || {
            let indices = free.iter().enumerate();
            indices.max_by_key(|(_, buffer)| self.buffers[**buffer])
        };
        let Some((position, _)) = fitting.or_else(largest) else {
            self.buffers.push(elements);
            return self.buffers.len() - 1;
        };
        let buffer = free.swap_remove(position);
        self.buffers[buffer] = self.buffers[buffer].max(elements);
        buffer
    }

    /// Numbers of all buffers, for one picture.
    pub fn elements(&self) -> usize {
        self.buffers.iter().sum()
    }
}

/// The node that reads each value last; the value's own where nobody does, and `None` for what is
/// put out.
fn last_reads(network: &Description) -> Vec<Option<usize>> {
    let mut last: Vec<Option<usize>> = (0..network.nodes.len()).map(Some).collect();
    for (index, node) in network.nodes.iter().enumerate() {
        for input in &node.inputs {
            last[input.0] = Some(index);
        }
    }
    for (_, value) in &network.outputs {
        last[value.0] = None;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convnet::Conv;

    #[test]
    fn values_that_never_live_together_share_memory_and_outputs_stay() {
        let mut network = Description::new(8);
        let mut x = network.picture();
        for name in ["a", "b", "c", "d"] {
            x = network.conv(x, Conv::new(name, 4, 3));
        }
        network.put_out("d", x);
        let plan = Plan::of(&network);
        assert_eq!(plan.buffers, [256, 256]);
        assert_eq!(plan.places, [None, Some(0), Some(1), Some(0), Some(1)]);
    }

    /// No value lies where another one lies that is still to be read.
    #[test]
    fn nothing_is_overwritten_before_it_is_read() {
        let mut network = Description::new(16);
        let picture = network.picture();
        let skip = network.conv(picture, Conv::new("skip", 8, 3));
        let small = network.max_pool(skip, 2, 2, 0);
        let small = network.conv(small, Conv::new("small", 32, 3));
        let large = network.conv_doubling(small, "large".into(), 8);
        let both = network.concatenate(&[skip, large]);
        let sum = network.conv_residual(both, skip, Conv::new("sum", 8, 3));
        network.put_out("early", small);
        network.put_out("sum", sum);
        let plan = Plan::of(&network);
        let last = last_reads(&network);
        for (value, place) in plan.places.iter().enumerate() {
            let until = last[value].unwrap_or(network.nodes.len());
            for later in value + 1..=until.min(network.nodes.len() - 1) {
                let apart = place.is_none() || plan.places[later] != *place;
                assert!(apart, "{later} lies on {value}");
            }
            if let Some(place) = place {
                let elements = network.nodes[value].shape.elements();
                assert!(plan.buffers[*place] >= elements);
            }
        }
    }
}
