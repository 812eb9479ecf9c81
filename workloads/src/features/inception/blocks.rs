//! The blocks of Inception: branches side by side, described once; the description gives names,
//! shapes and the way through.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::features::convolution::{Convolution, Shape};

/// What a branch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pool {
    /// The average of 3 × 3 places that lie in the picture.
    Average,
    /// The largest of 3 × 3 places.
    Largest,
    /// The largest of 3 × 3 places, every second place.
    Halving,
}

/// One convolution: its name in the block, outputs, window, stride.
#[derive(Clone, Copy, Debug)]
struct Unit(&'static str, usize, (usize, usize), usize);

/// A step of a branch: one convolution, or two on the same input whose outputs lie side by side.
#[derive(Clone, Copy, Debug)]
enum Step {
    One(Unit),
    Two(Unit, Unit),
}

/// A branch: a pool or none, then steps.
type Branch = (Option<Pool>, Vec<Step>);

/// A block: its name in the file, its inputs, its branches.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    name: &'static str,
    input: usize,
    branches: Vec<Branch>,
}

fn one(name: &'static str, output: usize, kernel: (usize, usize)) -> Step {
    Step::One(Unit(name, output, kernel, 1))
}

fn halving(name: &'static str, output: usize) -> Step {
    Step::One(Unit(name, output, (3, 3), 2))
}

fn across_and_down(names: [&'static str; 2], output: usize) -> Step {
    let [across, down] = names;
    Step::Two(
        Unit(across, output, (1, 3), 1),
        Unit(down, output, (3, 1), 1),
    )
}

/// 35 × 35 places; 224 outputs and those of the pool's branch.
fn block_a(name: &'static str, input: usize, pooled: usize) -> Layout {
    let branches = vec![
        (None, vec![one("branch1x1", 64, (1, 1))]),
        (
            None,
            vec![
                one("branch5x5_1", 48, (1, 1)),
                one("branch5x5_2", 64, (5, 5)),
            ],
        ),
        (
            None,
            vec![
                one("branch3x3dbl_1", 64, (1, 1)),
                one("branch3x3dbl_2", 96, (3, 3)),
                one("branch3x3dbl_3", 96, (3, 3)),
            ],
        ),
        (
            Some(Pool::Average),
            vec![one("branch_pool", pooled, (1, 1))],
        ),
    ];
    Layout {
        name,
        input,
        branches,
    }
}

/// From 35 × 35 to 17 × 17 places.
fn block_b(name: &'static str, input: usize) -> Layout {
    let branches = vec![
        (None, vec![halving("branch3x3", 384)]),
        (
            None,
            vec![
                one("branch3x3dbl_1", 64, (1, 1)),
                one("branch3x3dbl_2", 96, (3, 3)),
                halving("branch3x3dbl_3", 96),
            ],
        ),
        (Some(Pool::Halving), vec![]),
    ];
    Layout {
        name,
        input,
        branches,
    }
}

/// 17 × 17 places, windows of 7 in one direction; `inner` outputs on the way, 768 in the end.
fn block_c(name: &'static str, inner: usize) -> Layout {
    let branches = vec![
        (None, vec![one("branch1x1", 192, (1, 1))]),
        (
            None,
            vec![
                one("branch7x7_1", inner, (1, 1)),
                one("branch7x7_2", inner, (1, 7)),
                one("branch7x7_3", 192, (7, 1)),
            ],
        ),
        (
            None,
            vec![
                one("branch7x7dbl_1", inner, (1, 1)),
                one("branch7x7dbl_2", inner, (7, 1)),
                one("branch7x7dbl_3", inner, (1, 7)),
                one("branch7x7dbl_4", inner, (7, 1)),
                one("branch7x7dbl_5", 192, (1, 7)),
            ],
        ),
        (Some(Pool::Average), vec![one("branch_pool", 192, (1, 1))]),
    ];
    Layout {
        name,
        input: 768,
        branches,
    }
}

/// From 17 × 17 to 8 × 8 places.
fn block_d(name: &'static str) -> Layout {
    let branches = vec![
        (
            None,
            vec![one("branch3x3_1", 192, (1, 1)), halving("branch3x3_2", 320)],
        ),
        (
            None,
            vec![
                one("branch7x7x3_1", 192, (1, 1)),
                one("branch7x7x3_2", 192, (1, 7)),
                one("branch7x7x3_3", 192, (7, 1)),
                halving("branch7x7x3_4", 192),
            ],
        ),
        (Some(Pool::Halving), vec![]),
    ];
    Layout {
        name,
        input: 768,
        branches,
    }
}

/// 8 × 8 places, 2,048 outputs.
fn block_e(name: &'static str, input: usize, pool: Pool) -> Layout {
    let branches = vec![
        (None, vec![one("branch1x1", 320, (1, 1))]),
        (
            None,
            vec![
                one("branch3x3_1", 384, (1, 1)),
                across_and_down(["branch3x3_2a", "branch3x3_2b"], 384),
            ],
        ),
        (
            None,
            vec![
                one("branch3x3dbl_1", 448, (1, 1)),
                one("branch3x3dbl_2", 384, (3, 3)),
                across_and_down(["branch3x3dbl_3a", "branch3x3dbl_3b"], 384),
            ],
        ),
        (Some(pool), vec![one("branch_pool", 192, (1, 1))]),
    ];
    Layout {
        name,
        input,
        branches,
    }
}

impl Layout {
    /// All blocks, in the order of the network.
    pub(super) fn all() -> [Self; 11] {
        [
            block_a("Mixed_5b", 192, 32),
            block_a("Mixed_5c", 256, 64),
            block_a("Mixed_5d", 288, 64),
            block_b("Mixed_6a", 288),
            block_c("Mixed_6b", 128),
            block_c("Mixed_6c", 160),
            block_c("Mixed_6d", 160),
            block_c("Mixed_6e", 192),
            block_d("Mixed_7a"),
            block_e("Mixed_7b", 1280, Pool::Average),
            // Where TensorFlow's graph of 2015 has the largest and later Inceptions the average.
            block_e("Mixed_7c", 2048, Pool::Largest),
        ]
    }

    /// Names and shapes of its tensors.
    pub(super) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.branches
            .iter()
            .flat_map(|(_, steps)| shapes(self.input, steps))
            .flat_map(|(name, shape)| {
                Convolution::normalised_tensors(&format!("{}.{name}", self.name), shape)
            })
            .collect()
    }
}

/// The convolutions of a branch, one after another.
fn shapes(input: usize, steps: &[Step]) -> Vec<(&'static str, Shape)> {
    let mut width = input;
    let mut found = Vec::new();
    for step in steps {
        let units = match step {
            Step::One(unit) => vec![*unit],
            Step::Two(left, right) => vec![*left, *right],
        };
        let input = width;
        width = units.iter().map(|Unit(_, output, ..)| output).sum();
        for Unit(name, output, kernel, stride) in units {
            // Those that keep the number of places are padded, those that halve it are not.
            let padding = if stride == 1 {
                (kernel.0 / 2, kernel.1 / 2)
            } else {
                (0, 0)
            };
            let shape = Shape {
                input,
                output,
                kernel,
                stride,
                padding,
            };
            found.push((name, shape));
        }
    }
    found
}

/// A block with its weights.
#[derive(Clone, Debug)]
pub(super) struct Block {
    name: &'static str,
    branches: Vec<(Option<Pool>, Vec<Vec<Convolution>>)>,
}

impl Block {
    pub(super) fn load(layout: &Layout, weights: &VarBuilder<'_>) -> Result<Self> {
        let weights = weights.pp(layout.name);
        let load = |(pool, steps): &Branch| {
            let mut convolutions = shapes(layout.input, steps)
                .into_iter()
                .map(|(name, shape)| Convolution::normalised(shape, &weights.pp(name)));
            let steps: Result<Vec<Vec<Convolution>>> = steps
                .iter()
                .map(|step| {
                    let count = match step {
                        Step::One(_) => 1,
                        Step::Two(..) => 2,
                    };
                    convolutions.by_ref().take(count).collect()
                })
                .collect();
            Ok((*pool, steps?))
        };
        Ok(Self {
            name: layout.name,
            branches: layout.branches.iter().map(load).collect::<Result<_>>()?,
        })
    }

    /// Whether it is the block of this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut outputs = Vec::new();
        for (pool, steps) in &self.branches {
            let mut branch = match pool {
                None => x.clone(),
                Some(Pool::Average) => average(x)?,
                Some(Pool::Largest) => largest_around(x)?,
                Some(Pool::Halving) => largest(x, 2)?,
            };
            for step in steps {
                let parts: Vec<Tensor> = step
                    .iter()
                    .map(|convolution| convolution.forward(&branch))
                    .collect::<Result<_>>()?;
                branch = Tensor::cat(&parts, 1)?;
            }
            outputs.push(branch);
        }
        Tensor::cat(&outputs, 1)
    }
}

/// The largest of 3 × 3 places, without padding.
pub(super) fn largest(x: &Tensor, stride: usize) -> Result<Tensor> {
    x.max_pool2d_with_stride(3, stride)
}

/// The largest of the 3 × 3 places around each. Zeros at the edge never win against the outputs of
/// a `ReLU`, so they stand for nothing.
fn largest_around(x: &Tensor) -> Result<Tensor> {
    largest(&x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?, 1)
}

/// The average of the places around each that lie in the picture: sums with zeros at the edge, over
/// the number of places.
pub(super) fn average(x: &Tensor) -> Result<Tensor> {
    let pooled = |x: &Tensor| {
        let padded = x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
        padded.avg_pool2d_with_stride(3, 1)
    };
    let (_, _, height, width) = x.dims4()?;
    let shares = pooled(&Tensor::ones((1, 1, height, width), x.dtype(), x.device())?)?;
    pooled(x)?.broadcast_div(&shares)
}
