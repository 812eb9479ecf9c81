//! Linear layers whose weights are blocks of a GGUF file.
