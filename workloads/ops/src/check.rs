//! Holds operations against their plain versions.
