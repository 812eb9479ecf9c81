//! Perplexity of documents, with the documents as what was sampled.
//!
//! Tokens of one document are not independent, so the interval is that of the ratio of two sums
//! over documents: of −ln p, and of tokens. Both scatter from document to document; the ratio is
//! linearised (Cochran, Sampling Techniques, 3rd ed. 1977, section 6.4) and its t interval taken
//! back by `exp`.

use crate::error::{StatisticsError, require_count, require_finite, require_pairs};
use crate::interval::{Interval, Level, Method};
use crate::location::t_interval;
use crate::moments::Moments;
use crate::sum::Sum;

/// Documents under one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Documents<'a> {
    nats: &'a [f64],
    tokens: &'a [f64],
}

impl<'a> Documents<'a> {
    /// Sums of −ln p over the tokens of each document, and how many tokens these are.
    ///
    /// # Errors
    /// Fewer than two documents, lists of different length, a sum that is not finite, or a document
    /// without tokens.
    pub fn new(nats: &'a [f64], tokens: &'a [f64]) -> Result<Self, StatisticsError> {
        require_pairs(nats, tokens)?;
        require_count("documents", 2, nats.len())?;
        require_finite("nats", nats)?;
        require_finite("tokens", tokens)?;
        match tokens.iter().position(|count| *count <= 0.0) {
            None => Ok(Self { nats, tokens }),
            Some(index) => Err(StatisticsError::NotPositive {
                what: "tokens",
                index,
                value: tokens[index],
            }),
        }
    }

    /// `exp` of all −ln p by all tokens.
    ///
    /// # Errors
    /// None for documents that [`Documents::new`] took.
    pub fn perplexity(self, level: Level) -> Result<Interval, StatisticsError> {
        per_token(self.nats, self.tokens, level)
    }

    /// Perplexity of these documents by that of the same documents under a reference. Only what
    /// differs within a document counts, so it is known far better than either.
    ///
    /// # Errors
    /// The reference is of other documents.
    pub fn perplexity_ratio(
        self,
        reference: Self,
        level: Level,
    ) -> Result<Interval, StatisticsError> {
        require_pairs(self.nats, reference.nats)?;
        let pairs = self.nats.iter().zip(reference.nats);
        let differences: Vec<f64> = pairs.map(|(here, there)| here - there).collect();
        per_token(&differences, self.tokens, level)
    }
}

/// `exp` of the sum of `values` by the sum of `tokens`.
fn per_token(values: &[f64], tokens: &[f64], level: Level) -> Result<Interval, StatisticsError> {
    let ratio = sum(values) / sum(tokens);
    #[expect(
        clippy::cast_precision_loss,
        reason = "documents are far fewer than 2^53"
    )]
    let mean_tokens = sum(tokens) / tokens.len() as f64;
    let residuals: Vec<f64> = values
        .iter()
        .zip(tokens)
        .map(|(value, count)| (value - ratio * count) / mean_tokens)
        .collect();
    let around = t_interval(
        &Moments::of("residuals", &residuals)?,
        level,
        Method::DocumentRatioT,
    );
    let half_width = around.half_width();
    let on_logs = Interval::symmetric(ratio, half_width, level, values.len(), around.method);
    Ok(on_logs.through(Method::DocumentRatioT, libm::exp))
}

fn sum(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut sum = Sum::default();
    for value in sorted {
        sum.add(value);
    }
    sum.value()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::draws::NormalDraws;

    /// Documents of equal length: the t interval of their means.
    #[test]
    fn equal_documents_give_the_t_interval_of_their_means() {
        let nats = [2.0, 4.0, 6.0, 8.0];
        let tokens = [2.0; 4];
        let found = Documents::new(&nats, &tokens)
            .and_then(|documents| documents.perplexity(Level::P95))
            .expect("four documents");
        let means = crate::location::mean_t(&[1.0, 2.0, 3.0, 4.0], Level::P95).expect("four");
        assert!((found.value - means.value.exp()).abs() < 1e-12);
        assert!((found.low - means.low.exp()).abs() < 1e-12);
        assert!((found.high - means.high.exp()).abs() < 1e-11);
        assert_eq!(found.n, 4);
    }

    #[test]
    fn a_ratio_is_that_of_the_perplexities() {
        let (here, there) = ([3.0, 5.0, 9.0], [2.0, 5.0, 7.0]);
        let tokens = [1.0, 2.0, 3.0];
        let documents = |nats| Documents::new(nats, &tokens).expect("three documents");
        let (here, there) = (documents(&here), documents(&there));
        let ratio = here.perplexity_ratio(there, Level::P95).expect("the same");
        let perplexity = |of: Documents<'_>| of.perplexity(Level::P95).expect("three").value;
        assert!((ratio.value - perplexity(here) / perplexity(there)).abs() < 1e-12);
        let same = here.perplexity_ratio(here, Level::P95).expect("the same");
        for bound in [same.value, same.low, same.high] {
            assert!((bound - 1.0).abs() < 1e-15, "{same:?}");
        }
        assert!(Documents::new(&[1.0, 2.0], &[1.0, 0.0]).is_err());
        assert!(Documents::new(&[1.0], &[1.0]).is_err());
    }

    /// Documents of 5 to 60 tokens whose mean −ln p differs: 93 to 97 of 100 intervals hold it.
    #[test]
    fn the_interval_covers() {
        let truth = 0.7;
        let mut held = 0;
        let mut normal = NormalDraws::new(7, 0);
        for _ in 0..2000 {
            let (mut nats, mut tokens) = (Vec::new(), Vec::new());
            for _ in 0..40 {
                let count = (5.0 + 55.0 * normal.uniform()).floor();
                nats.push(count * truth + count.sqrt() * 0.8 * normal.draw());
                tokens.push(count);
            }
            let documents = Documents::new(&nats, &tokens).expect("forty documents");
            let interval = documents.perplexity(Level::P95).expect("forty documents");
            held += u32::from(interval.contains(libm::exp(truth)));
        }
        assert!((1860..1945).contains(&held), "{held} of 2000");
    }

    proptest! {
        /// The order of documents changes no bit.
        #[test]
        fn order_does_not_matter(mut documents in prop::collection::vec((0.1..9.0, 1u32..50), 2..30)) {
            let interval = |documents: &[(f64, u32)]| {
                let (nats, tokens): (Vec<f64>, Vec<f64>) = documents
                    .iter()
                    .map(|(nats, tokens)| (*nats, f64::from(*tokens)))
                    .unzip();
                Documents::new(&nats, &tokens)
                    .and_then(|documents| documents.perplexity(Level::P95))
                    .expect("two or more")
            };
            let before = interval(&documents);
            documents.reverse();
            prop_assert_eq!(before, interval(&documents));
        }
    }
}
