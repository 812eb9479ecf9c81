//! Times operations against the floor of the hardware.
