//! Which tensors a network takes: asked of the code that takes them.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

/// Names and shapes of the tensors that `load` asks for, in its order. Nothing is read, and no
/// memory taken: every tensor is one number, repeated.
///
/// # Panics
/// `load` fails on tensors that have every shape it asks for.
pub(super) fn tensors<T>(
    load: impl FnOnce(&VarBuilder<'_>) -> Result<T>,
) -> Vec<(String, Vec<usize>)> {
    let list = Arc::new(Mutex::new(Vec::new()));
    let backend = Box::new(Listing(Arc::clone(&list)));
    let weights = VarBuilder::from_backend(backend, DType::F32, Device::Cpu);
    load(&weights).expect("every tensor is there in its shape");
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut list)
}

/// Names and shapes, as they are asked for.
type List = Vec<(String, Vec<usize>)>;

struct Listing(Arc<Mutex<List>>);

impl SimpleBackend for Listing {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push((name.to_owned(), s.dims().to_vec()));
        Tensor::zeros(1, dtype, dev)?.broadcast_as(s)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("tensor '{name}' was asked for without a shape")
    }

    fn contains_tensor(&self, _name: &str) -> bool {
        true
    }
}
