//! Fused operations of neural networks: plain references on every device, our own kernels on CUDA.
