"""Cost and latency of the product, measured over HTTP on real stores: ``python -m benchmarks``."""
