//! From a request of the harness to a [`Job`].

use model::axis::{Axis, AxisValue, Domain};
use model::decimal::Decimal;
use model::mark::{PROTOCOL_VERSION, RunRequest};
use model::point::Point;
use model::resolution::Resolutions;

use super::precision::Precision;
use super::task::{Drawings, Extent, Kind, Pictures, Sequences, Task, Transcripts};
use super::word::{
    Attention, Graph, Head, Implementation, Only, Origin, Quantisation, Sampling, Scheduler, Word,
};
use super::{Job, Variant};
use crate::Error;
use crate::family::Summary;
use crate::registry::Registry;
use crate::weights::Places;

/// Axes that the harness sees to, or that every model has.
const OF_EVERY_MODEL: [Axis; 6] = [
    Axis::Engine,
    Axis::Model,
    Axis::Precision,
    Axis::Batch,
    Axis::SmClockMhz,
    Axis::PowerCapW,
];

impl Job {
    /// Reads a request of the harness.
    ///
    /// # Errors
    /// The protocol is another, or as [`Job::from_point`].
    pub fn from_request(
        request: &RunRequest,
        registry: &Registry,
        places: &Places,
    ) -> Result<Self, Error> {
        if request.protocol != PROTOCOL_VERSION {
            return Err(Error::Request(format!(
                "the harness speaks protocol {}, this worker {PROTOCOL_VERSION}; install both from \
                 the same release",
                request.protocol
            )));
        }
        if !request.warmup_s.is_finite() || request.warmup_s < 0.0 {
            return Err(Error::Request(format!(
                "warmup_s is {}, expected 0 or more seconds",
                request.warmup_s
            )));
        }
        Ok(Self {
            weights_seed: request.weights_seed,
            input_seed: request.input_seed,
            warmup_s: request.warmup_s,
            ..Self::from_point(&request.point, registry, places)?
        })
    }

    /// The job of a point, with the seeds and times of a job by hand. Where the point does not say
    /// where weights come from, they come from the user's folder if there is one.
    ///
    /// # Errors
    /// An axis is missing, does not apply to the model, or has a value that the model does not
    /// take; the message lists what it takes.
    pub fn from_point(point: &Point, registry: &Registry, places: &Places) -> Result<Self, Error> {
        let model = text(point, Axis::Model)?;
        let summary = registry.summary(model)?;
        let asked = Asked {
            point,
            model,
            summary: &summary,
        };
        asked.check_axes()?;
        let only = asked.only()?;
        let takes = &summary.takes;
        let usual = match &places.file {
            Some(_) if takes.weights.contains(&Origin::File) => Origin::File,
            _ => Origin::Seeded,
        };
        let implementation = asked.word(takes.implementation, Implementation::Fast)?;
        let attention = asked.attention(implementation)?;
        let job = Self {
            quantisation: asked.word(takes.quantisation, Quantisation::Dense)?,
            only,
            variant: Variant {
                implementation,
                attention,
                graph: asked.graph(implementation, attention)?,
                sampling: asked.word(takes.sampling, Sampling::Greedy)?,
                head: asked.word(takes.head, Head::Classification)?,
            },
            origin: match point.get(Axis::Weights) {
                None => usual,
                Some(_) => asked.word(takes.weights, usual)?,
            },
            ..Self::plain(model, asked.precision()?, asked.task(only)?)
        };
        Ok(job)
    }
}

/// A point, and the model that it asks for.
struct Asked<'a> {
    point: &'a Point,
    model: &'a str,
    summary: &'a Summary,
}

impl Asked<'_> {
    /// Refuses lengths and the like that mean nothing to the model. Word axes are refused where
    /// they are read.
    fn check_axes(&self) -> Result<(), Error> {
        for (axis, _) in self.point.iter() {
            let applies = match axis {
                Axis::ResolutionPx => self.summary.kind.resolutions().is_some(),
                Axis::Steps | Axis::Scheduler | Axis::Guidance => {
                    matches!(self.summary.kind, Kind::Draw { .. })
                }
                Axis::PromptTokens => {
                    matches!(self.summary.kind, Kind::Generate | Kind::Read { .. })
                }
                Axis::DecodeTokens => {
                    matches!(self.summary.kind, Kind::Generate | Kind::Transcribe)
                }
                Axis::Phase => self.summary.takes.phase,
                _ => true,
            };
            if !applies && !OF_EVERY_MODEL.contains(&axis) {
                return Err(self.does_not_apply(axis));
            }
        }
        Ok(())
    }

    fn does_not_apply(&self, axis: Axis) -> Error {
        Error::Request(format!(
            "axis '{axis}' does not apply to model '{}'; remove it from [axes] of the plan",
            self.model
        ))
    }

    fn refused(&self, axis: Axis, value: &AxisValue, takes: &str) -> Error {
        Error::Request(format!(
            "axis '{axis}' has the value '{value}', model '{}' takes: {takes}",
            self.model
        ))
    }

    /// The value of a word axis: the first of those that the model takes, where the point is
    /// silent; `otherwise` where the axis does not apply.
    fn word<W: Word>(&self, takes: &[W], otherwise: W) -> Result<W, Error> {
        let Some(value) = self.point.get(W::AXIS) else {
            return Ok(takes.first().copied().unwrap_or(otherwise));
        };
        if takes.is_empty() {
            return Err(self.does_not_apply(W::AXIS));
        }
        value
            .as_text()
            .and_then(W::parse)
            .filter(|word| takes.contains(word))
            .ok_or_else(|| {
                let words: Vec<&str> = takes.iter().map(|word| word.word()).collect();
                self.refused(W::AXIS, value, &words.join(", "))
            })
    }

    /// A stock module has one attention of its own: a plan that names one would be told that it
    /// had it.
    fn attention(&self, implementation: Implementation) -> Result<Attention, Error> {
        let attention = self.word(self.summary.takes.attention, Attention::Fused)?;
        match self.point.get(Axis::Attention) {
            Some(value) if implementation == Implementation::Reference => {
                Err(Error::Request(format!(
                    "axis 'attention' has the value '{value}', but axis 'implementation' is \
                     'reference', whose attention is that of the stock module; leave 'attention' \
                     out there"
                )))
            }
            _ => Ok(attention),
        }
    }

    /// What cannot be recorded is launched one by one: a plan that asks for a graph there would be
    /// told that it had one.
    fn graph(&self, implementation: Implementation, attention: Attention) -> Result<Graph, Error> {
        let takes = self.summary.takes.graph;
        let cause = match (implementation, attention) {
            (Implementation::Reference, _) => {
                "axis 'implementation' is 'reference', whose kernels are launched one by one"
            }
            (Implementation::Fast, Attention::Naive) => {
                "axis 'attention' is 'naive', which allocates its scores in every step"
            }
            (Implementation::Fast, Attention::Fused) => return self.word(takes, Graph::Off),
        };
        if self.point.get(Axis::Graph).is_some() && self.word(takes, Graph::Off)? == Graph::On {
            return Err(Error::Request(format!(
                "axis 'graph' has the value 'on', but {cause}, so nothing can be recorded; set it \
                 to 'off' there, or leave it out"
            )));
        }
        Ok(Graph::Off)
    }

    fn precision(&self) -> Result<Precision, Error> {
        text(self.point, Axis::Precision)?;
        self.word(self.summary.takes.precision, Precision::F32)
    }

    fn only(&self) -> Result<Option<Only>, Error> {
        match self.point.get(Axis::Phase) {
            None => Ok(None),
            Some(_) => self.word(Only::ALL, Only::Decode).map(Some),
        }
    }

    fn task(&self, only: Option<Only>) -> Result<Task, Error> {
        let batch = self.count(Axis::Batch)?;
        let task = match self.summary.kind {
            Kind::Generate => Task::Generate(Extent {
                batch,
                prompt_tokens: self.count(Axis::PromptTokens)?,
                decode_tokens: self.decode_tokens(only)?,
            }),
            Kind::Read { native_tokens } => Task::Read(Sequences {
                batch,
                tokens: match native_tokens {
                    Some(tokens) if self.point.get(Axis::PromptTokens).is_none() => tokens,
                    _ => self.count(Axis::PromptTokens)?,
                },
            }),
            Kind::Transcribe => Task::Transcribe(Transcripts {
                batch,
                decode_tokens: self.count(Axis::DecodeTokens)?,
            }),
            Kind::See { resolutions } => Task::See(Pictures {
                batch,
                resolution_px: self.resolution(resolutions)?,
            }),
            Kind::Draw {
                resolutions,
                most_steps,
                guidance,
            } => Task::Draw(Drawings {
                batch,
                resolution_px: self.resolution(resolutions)?,
                steps: self.steps(most_steps)?,
                scheduler: self.word(self.summary.takes.scheduler, Scheduler::Ddim)?,
                guidance: self.guidance(guidance)?,
            }),
        };
        self.check_context(task)?;
        Ok(task)
    }

    /// A prefill alone takes no step, so its plan need not say how many.
    fn decode_tokens(&self, only: Option<Only>) -> Result<usize, Error> {
        if only == Some(Only::Prefill) && self.point.get(Axis::DecodeTokens).is_none() {
            return Ok(1);
        }
        self.count(Axis::DecodeTokens)
    }

    /// The edge of a picture: the native one, where the point is silent.
    fn resolution(&self, resolutions: Resolutions) -> Result<usize, Error> {
        let Some(value) = self.point.get(Axis::ResolutionPx) else {
            return usize::try_from(resolutions.native_px)
                .map_err(|error| Error::Request(error.to_string()));
        };
        let edge_px = self.count(Axis::ResolutionPx)?;
        resolutions
            .check(edge_px as u64)
            .map_err(|takes| self.refused(Axis::ResolutionPx, value, &takes))?;
        Ok(edge_px)
    }

    fn steps(&self, most_steps: u64) -> Result<usize, Error> {
        let steps = self.count(Axis::Steps)?;
        if steps as u64 > most_steps {
            let takes = format!("1 to {most_steps}, the noise levels that it was trained on");
            return Err(self.refused(Axis::Steps, present(self.point, Axis::Steps)?, &takes));
        }
        Ok(steps)
    }

    fn guidance(&self, native: Decimal) -> Result<Decimal, Error> {
        let axis = Axis::Guidance;
        let Some(value) = self.point.get(axis) else {
            return Ok(native);
        };
        let in_domain = |number: &Decimal| match axis.domain() {
            Domain::Decimals(low, high) => {
                (Decimal::whole(low)..=Decimal::whole(high)).contains(number)
            }
            _ => true,
        };
        let number = value.as_decimal().filter(in_domain);
        number.ok_or_else(|| {
            Error::Request(format!(
                "axis '{axis}' has the value '{value}', expected {}",
                axis.domain()
            ))
        })
    }

    fn count(&self, axis: Axis) -> Result<usize, Error> {
        let value = present(self.point, axis)?;
        let domain = axis.domain();
        let in_domain = |count: &u64| match domain {
            Domain::Integers(low, high) => (low..=high).contains(count),
            _ => true,
        };
        value
            .as_integer()
            .filter(in_domain)
            .and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| {
                Error::Request(format!(
                    "axis '{axis}' has the value '{value}', expected {domain}"
                ))
            })
    }

    fn check_context(&self, task: Task) -> Result<(), Error> {
        let Some(context) = self.summary.context else {
            return Ok(());
        };
        let (positions, words) = match task {
            Task::Generate(extent) => (
                extent.prompt_tokens.saturating_add(extent.decode_tokens),
                format!(
                    "prompt_tokens {} and decode_tokens {} make",
                    extent.prompt_tokens, extent.decode_tokens
                ),
            ),
            Task::Read(sequences) => (
                sequences.tokens,
                format!("prompt_tokens {} makes", sequences.tokens),
            ),
            Task::Transcribe(transcripts) => (
                transcripts.decode_tokens,
                format!("decode_tokens {} makes", transcripts.decode_tokens),
            ),
            Task::See(_) | Task::Draw(_) => return Ok(()),
        };
        if positions > context {
            return Err(Error::Request(format!(
                "{words} {positions} positions, model '{}' has {context}; choose shorter sequences",
                self.model
            )));
        }
        Ok(())
    }
}

fn present(point: &Point, axis: Axis) -> Result<&AxisValue, Error> {
    point.get(axis).ok_or_else(|| {
        Error::Request(format!(
            "axis '{axis}' is missing from the point; add it to [axes] of the plan"
        ))
    })
}

fn text(point: &Point, axis: Axis) -> Result<&str, Error> {
    let value = present(point, axis)?;
    value.as_text().ok_or_else(|| {
        Error::Request(format!(
            "axis '{axis}' has the value '{value}', expected a word"
        ))
    })
}

#[cfg(test)]
mod picture_tests;
#[cfg(test)]
mod tests;
