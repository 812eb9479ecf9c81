//! Looking at a batch again and again, by a composition of candle's operations.

use candle_core::{Device, Result, Tensor, bail};

use super::plain::Plain;
use crate::seeing::{Output, Seer};

/// By a composition of candle's operations, channels first.
pub struct PlainSeer {
    network: Stock,
    /// `[batch, 3, edge, edge]`.
    pictures: Tensor,
    last: Vec<(&'static str, Tensor)>,
}

/// What a reference is.
pub enum Stock {
    /// The description, node by node.
    Described(Plain),
    /// The module of candle-transformers, which gives one output of this name.
    Module(&'static str, Box<dyn candle_core::Module>),
}

impl PlainSeer {
    /// Looks with a network at pictures `[batch, edge, edge, 3]`.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(network: Stock, pictures: &Tensor) -> Result<Self> {
        Ok(Self {
            network,
            pictures: pictures.permute((0, 3, 1, 2))?.contiguous()?,
            last: Vec::new(),
        })
    }
}

impl Seer for PlainSeer {
    fn device(&self) -> &Device {
        self.pictures.device()
    }

    fn batch(&self) -> usize {
        self.pictures.dims()[0]
    }

    fn see(&mut self, _phase: usize) -> Result<()> {
        self.last = match &self.network {
            Stock::Described(network) => network.forward(&self.pictures)?,
            Stock::Module(name, module) => vec![(name, module.forward(&self.pictures)?)],
        };
        Ok(())
    }

    /// In the order of the fast composition: channels last.
    fn outputs(&self) -> Result<Vec<Output>> {
        if self.last.is_empty() {
            bail!("nothing was looked at yet");
        }
        let output = |(name, tensor): &(&'static str, Tensor)| match tensor.rank() {
            4 => Output::of(name, &tensor.permute((0, 2, 3, 1))?),
            _ => Output::of(name, tensor),
        };
        self.last.iter().map(output).collect()
    }
}
