//! Working memory that layers take turns in, so that a pass allocates nothing and what one layer
//! wrote is still in the cache when the next reads it.

use candle_core::{DType, Device, Result, Shape, Tensor};

/// A piece of working memory. A layer may write to any that does not hold its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// What layers hand on, …
    Stream,
    /// … and the other half of the time.
    OtherStream,
    /// Two pictures side by side, or one enlarged.
    Joined,
    /// What a norm gave.
    Normed,
    /// Between the two halves of a block; the rows of a transformer.
    Hidden,
    /// The widest rows of a transformer.
    Wide,
    /// The next widest.
    Inner,
}

const PLACES: usize = 7;

/// How many values each place has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need([usize; PLACES]);

impl Need {
    /// Room for at least so many values.
    pub(super) fn at_least(&mut self, place: Place, values: usize) {
        let need = &mut self.0[place as usize];
        *need = values.max(*need);
    }

    /// Bytes of the memory.
    pub(super) fn bytes(&self, dtype: DType) -> u64 {
        let values: usize = self.0.iter().sum();
        (values * dtype.size_in_bytes()) as u64
    }
}

/// The memory.
pub(super) struct Room([Tensor; PLACES]);

impl Room {
    /// Allocates it.
    pub(super) fn new(need: &Need, dtype: DType, device: &Device) -> Result<Self> {
        let mut places = Vec::with_capacity(PLACES);
        for values in need.0 {
            places.push(Tensor::zeros(values.max(1), dtype, device)?);
        }
        let places = places.try_into().expect("as many as there are places");
        Ok(Self(places))
    }

    /// A tensor of this shape at a place.
    pub(super) fn view(&self, place: Place, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        let flat = &self.0[place as usize];
        flat.narrow(0, 0, shape.elem_count())?.reshape(shape)
    }
}

impl Place {
    /// The stream that is not this one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Stream => Self::OtherStream,
            _ => Self::Stream,
        }
    }
}
