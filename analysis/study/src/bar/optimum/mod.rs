//! Bar 9: the best configuration and the Pareto front.

mod best;
mod front;

use super::{Bar, BarId};

pub(super) fn bar() -> Bar {
    let mut cells = best::cells();
    cells.extend(front::cells());
    Bar {
        id: BarId::Optimum,
        title: "the set of the best contains the best, the Pareto set every member, in at \
                least 95 %; the bare argmin fails",
        calls: &[
            "selection::best_set_by",
            "selection::vertex::vertex",
            "selection::split::select_and_estimate",
            "pareto::confidence_set_by",
        ],
        note: Some(
            "Eleven clocks, CV 1 %, blocks 2 %; the curve rises from the best clock in the middle to \
             its ends. Equal configurations are the least favourable case, one of them is called \
             the best. Configurations of the front differ in energy and time; twins are equal in both, \
             so that both are members.",
        ),
        cells,
    }
}
