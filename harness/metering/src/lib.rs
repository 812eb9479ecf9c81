//! What readings are worth: the profile of a sensor, the energy of a window with its error budget, the validity of a run.
