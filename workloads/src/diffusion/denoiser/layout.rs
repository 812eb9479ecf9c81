//! The parts of a denoiser in the order of a pass.

use super::config::DenoiserConfig;

/// One part: what it is called in checkpoints, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where its tensors are: of a block, those of the residual block.
    pub name: String,
    /// What it does.
    pub shape: Shape,
    /// Whether its result is looked at again on the way up.
    pub kept: bool,
}

/// What a part does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A residual block, and a transformer behind it.
    Block {
        /// Channels that come in, with those that are joined.
        input: usize,
        /// Channels of the result.
        output: usize,
        /// Whether the last kept result is joined to the input.
        joins: bool,
        /// The transformer.
        looks: Option<Looks>,
    },
    /// Half the edge.
    Halve {
        /// In and out.
        channels: usize,
    },
    /// Twice the edge.
    Double {
        /// In and out.
        channels: usize,
    },
}

/// A transformer over pixels that also looks at the caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// Where its tensors are.
    pub name: String,
    /// Blocks.
    pub depth: usize,
    /// Heads of each attention.
    pub heads: usize,
}

impl Part {
    /// All parts between the first convolution and the last norm.
    pub fn all(config: &DenoiserConfig) -> Vec<Self> {
        let last = config.channels.len() - 1;
        let mut parts = Vec::new();
        let mut kept = vec![config.channels[0]];
        let mut input = config.channels[0];
        for (level, &output) in config.channels.iter().enumerate() {
            let name = format!("down_blocks.{level}");
            for block in 0..config.blocks {
                let looks = config.looks(&name, block, level, config.depth[level]);
                parts.push(Self::block(&name, block, [input, output], false, looks).kept());
                input = output;
                kept.push(output);
            }
            if level < last {
                let shape = Shape::Halve { channels: output };
                parts.push(Self::new(format!("{name}.downsamplers.0.conv"), shape).kept());
                kept.push(output);
            }
        }
        let name = "mid_block";
        let looks = config.looks(name, 0, last, config.bottom_depth);
        parts.push(Self::block(name, 0, [input, input], false, looks));
        parts.push(Self::block(name, 1, [input, input], false, None));
        for (index, level) in (0..=last).rev().enumerate() {
            let (name, output) = (format!("up_blocks.{index}"), config.channels[level]);
            for block in 0..=config.blocks {
                let joined = input + kept.pop().expect("as many on the way up as down");
                let looks = config.looks(&name, block, level, config.depth[level]);
                parts.push(Self::block(&name, block, [joined, output], true, looks));
                input = output;
            }
            if level > 0 {
                let shape = Shape::Double { channels: output };
                parts.push(Self::new(format!("{name}.upsamplers.0.conv"), shape));
            }
        }
        parts
    }

    fn new(name: String, shape: Shape) -> Self {
        Self {
            name,
            shape,
            kept: false,
        }
    }

    fn block(
        level: &str,
        index: usize,
        [input, output]: [usize; 2],
        joins: bool,
        looks: Option<Looks>,
    ) -> Self {
        let shape = Shape::Block {
            input,
            output,
            joins,
            looks,
        };
        Self::new(format!("{level}.resnets.{index}"), shape)
    }

    fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    /// Channels of its result.
    pub const fn output(&self) -> usize {
        match &self.shape {
            Shape::Block { output, .. } => *output,
            Shape::Halve { channels } | Shape::Double { channels } => *channels,
        }
    }

    /// Height and width of its result.
    pub const fn size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        match &self.shape {
            Shape::Block { .. } => (height, width),
            Shape::Halve { .. } => (height / 2, width / 2),
            Shape::Double { .. } => (2 * height, 2 * width),
        }
    }
}

impl DenoiserConfig {
    fn looks(&self, name: &str, block: usize, level: usize, depth: usize) -> Option<Looks> {
        (depth > 0).then(|| Looks {
            name: format!("{name}.attentions.{block}"),
            depth,
            heads: self.heads[level],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_kept_as_is_joined_again() {
        for config in [
            DenoiserConfig::SD_1,
            DenoiserConfig::SDXL,
            DenoiserConfig::TINY,
        ] {
            let parts = Part::all(&config);
            // The first convolution is kept too.
            let kept = 1 + parts.iter().filter(|part| part.kept).count();
            let joins = |part: &&Part| matches!(part.shape, Shape::Block { joins: true, .. });
            assert_eq!(kept, parts.iter().filter(joins).count());
            let size = parts.iter().fold((64, 64), |size, part| part.size(size));
            assert_eq!(size, (64, 64));
        }
    }
}
