//! The proof of the statistics: the whole protocol on simulated experiments, held against its bars.
