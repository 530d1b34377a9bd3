"""The kernels compiled for every processor of the architecture (on x86-64: SSE2)."""
