"""What the product costs and how fast it answers, measured over HTTP on real stores: ``python -m benchmarks``."""
