//! The families of models that a worker knows.

use candle_core::Device;

use crate::family::{Family, Summary};
use crate::job::Job;
use crate::super_resolution::{edsr, real_esrgan};
use crate::weights::{Places, Weights};
use crate::workload::Workload;
use crate::{
    Error, clip, deeplab, device, diffusion, encoder, gpt, llama, lstm, memory, resnet, segformer,
    shapes, unet, vit, whisper, yolo,
};

/// The families of this project. A new one is a file and a line.
static FAMILIES: &[&dyn Family] = &[
    &llama::family::Llama,
    &gpt::family::GPT2,
    &gpt::family::STARCODER,
    &encoder::family::BERT,
    &encoder::family::ROBERTA,
    &lstm::family::Lstm,
    &whisper::family::Whisper,
    &vit::family::VIT,
    &clip::family::CLIP,
    &resnet::RESNET,
    &unet::UNET,
    &deeplab::DEEPLAB,
    &segformer::SEGFORMER,
    &yolo::YOLO,
    &real_esrgan::REAL_ESRGAN,
    &edsr::EDSR,
    &diffusion::family::StableDiffusion,
    &shapes::family::Seeing,
    &shapes::family::Drawing,
];

/// Families by the names of their models.
#[derive(Clone)]
pub struct Registry {
    families: Vec<&'static dyn Family>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::own()
    }
}

impl Registry {
    /// Those of this project.
    pub fn own() -> Self {
        Self {
            families: FAMILIES.to_vec(),
        }
    }

    /// With one more, for a worker of another project.
    #[must_use]
    pub fn with(mut self, family: &'static dyn Family) -> Self {
        self.families.push(family);
        self
    }

    /// Every model with its family, in the order of the families.
    pub fn models(&self) -> impl Iterator<Item = (&'static str, &'static dyn Family)> {
        self.families
            .iter()
            .flat_map(|family| family.models().iter().map(|model| (*model, *family)))
    }

    /// The family of a model.
    ///
    /// # Errors
    /// No family has the model; the message lists those that there are.
    pub fn family(&self, model: &str) -> Result<&'static dyn Family, Error> {
        let found = self.models().find(|(name, _)| *name == model);
        found.map(|(_, family)| family).ok_or_else(|| {
            let names: Vec<&str> = self.models().map(|(name, _)| name).collect();
            Error::Request(format!(
                "axis 'model' has the value '{model}', this worker supports: {}",
                names.join(", ")
            ))
        })
    }

    /// What a model is and takes.
    ///
    /// # Errors
    /// As [`Registry::family`].
    pub fn summary(&self, model: &str) -> Result<Summary, Error> {
        Ok(self.family(model)?.summary(model))
    }

    /// Loads the workload of a job, once it is known that device and memory can hold it.
    ///
    /// # Errors
    /// The device lacks the number format, the memory does not suffice, or the weights do not fit
    /// the model.
    pub fn load(
        &self,
        job: &Job,
        places: &Places,
        device: &Device,
    ) -> Result<Box<dyn Workload>, Error> {
        let family = self.family(&job.model)?;
        device::check_precision(device, job.precision)?;
        memory::check(job, family.memory(job)?, memory::free_bytes(device)?)?;
        let weights = Weights::find(job, places)?;
        device::set_math(job.precision);
        family.load(job, &weights, device)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::word::Origin;

    /// Weights that the project does not have are not offered, and those that it has are.
    #[test]
    fn trained_weights_are_offered_where_they_lie() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/models");
        let mut trained = 0;
        for (model, family) in Registry::own().models() {
            let offered = family.summary(model).takes.weights.contains(&Origin::Tiny);
            let there = models.join(model).join("model.safetensors").is_file();
            assert_eq!(offered, there, "{model}");
            trained += usize::from(there);
        }
        assert!(trained > 0);
    }
}
