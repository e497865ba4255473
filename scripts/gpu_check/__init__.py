"""Checks and measures the CUDA kernels of hebb on a machine with a GPU: see bench/gpu/README.md."""
