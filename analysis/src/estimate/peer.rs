//! The same work by another library, in the same sweep.

use model::axis::{Axis, AxisValue};
use model::point::Point;

use super::metric::Metric;
use super::record::{ComparisonRecord, EstimateRecord, Estimates};

/// How a worker of the library that others are compared with begins to name itself.
const PEER: &str = "pytorch";

impl EstimateRecord {
    /// Whether the peer computed it: by what the worker said of itself, or by the name of the engine in
    /// the plan.
    pub fn is_of_peer(&self) -> bool {
        let named = self.point.get(Axis::Engine).and_then(AxisValue::as_text);
        let words = [self.engine_name.as_deref(), named];
        words
            .into_iter()
            .flatten()
            .any(|word| word.starts_with(PEER))
    }
}

impl Estimates {
    /// The point that does the work of this record by the peer: all axes but the engine alike. Of
    /// several such engines the one that bears the peer's own name, otherwise the first by name.
    pub fn peer_of(&self, record: &EstimateRecord) -> Option<&Point> {
        if record.is_of_peer() {
            return None;
        }
        let engine = |point: &Point| point.get(Axis::Engine).cloned();
        let alike = |point: &Point| {
            Axis::ALL
                .into_iter()
                .filter(|axis| *axis != Axis::Engine)
                .all(|axis| point.get(axis) == record.point.get(axis))
        };
        self.estimates
            .iter()
            .filter(|other| {
                other.sweep == record.sweep
                    && other.provenance == record.provenance
                    && other.device == record.device
                    && other.is_of_peer()
                    && alike(&other.point)
            })
            .map(|other| &other.point)
            .min_by_key(|point| {
                let name = engine(point);
                (name != Some(AxisValue::Text(PEER.to_owned())), name)
            })
    }

    /// The estimates of a metric at points with these axis values. Where the values name no engine,
    /// the peer's are left out, and where they name no implementation, those of the stock modules.
    pub fn ours(&self, sweep: &str, metric: Metric, values: &Point) -> Vec<&EstimateRecord> {
        let stock = AxisValue::Text("reference".to_owned());
        let may_be = |record: &&EstimateRecord| {
            (values.get(Axis::Engine).is_some() || !record.is_of_peer())
                && (values.get(Axis::Implementation).is_some()
                    || record.point.get(Axis::Implementation) != Some(&stock))
        };
        self.estimates
            .iter()
            .filter(|record| {
                record.sweep == sweep && record.metric == metric && record.point.contains(values)
            })
            .filter(may_be)
            .collect()
    }

    /// A metric of a record's point by that of its peer, paired by block.
    pub fn to_peer(&self, record: &EstimateRecord, metric: Metric) -> Option<ComparisonRecord> {
        self.ratio(&record.sweep, metric, &record.point, self.peer_of(record)?)
    }
}

#[cfg(test)]
mod tests {
    use model::provenance::Provenance;

    use super::*;
    use crate::estimate::{ESTIMATES_SCHEMA, Method};
    use crate::synthetic::llama_point;

    fn record(engine: &str, batch: u64, says: Option<&str>) -> EstimateRecord {
        EstimateRecord {
            sweep: "s".to_owned(),
            point: llama_point(engine, batch, 512),
            provenance: Provenance::Measured,
            device: "GPU".to_owned(),
            boards: 1,
            engine_name: says.map(str::to_owned),
            weights: None,
            weights_id: None,
            metric: Metric::Throughput,
            unit: "token/s".to_owned(),
            value: 1.0,
            low: None,
            high: None,
            level: 0.95,
            n: 1,
            method: Method::GeometricMeanT,
            bootstrap_t: None,
            digest_consistent: None,
            reason: None,
        }
    }

    fn estimates(records: Vec<EstimateRecord>) -> Estimates {
        Estimates {
            schema: ESTIMATES_SCHEMA,
            estimates: records,
            comparisons: Vec::new(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn a_peer_is_known_by_what_its_worker_says_under_any_name_in_the_plan() {
        let ours = record("candle", 1, Some("candle 0.11.1"));
        let theirs = record("torch-bert", 1, Some("pytorch 2.11.0, compiled"));
        let all = estimates(vec![ours.clone(), theirs.clone()]);
        assert_eq!(all.peer_of(&ours), Some(&theirs.point));
        assert_eq!(all.peer_of(&theirs), None);
    }

    #[test]
    fn other_work_is_no_peer_and_the_plain_name_comes_first() {
        let ours = record("candle", 1, None);
        let other = record("pytorch", 8, None);
        assert_eq!(estimates(vec![ours.clone(), other]).peer_of(&ours), None);
        let [compiled, plain] = ["pytorch-compiled", "pytorch"].map(|name| record(name, 1, None));
        let all = estimates(vec![ours.clone(), compiled, plain.clone()]);
        assert_eq!(all.peer_of(&ours), Some(&plain.point));
    }
}
