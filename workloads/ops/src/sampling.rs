//! A random token, chosen where the logits are, from a seed.
