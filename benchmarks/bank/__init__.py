"""A day of the hub as Type B text, the expected bags counted independently of the product, and their comparison.

``python -m benchmarks.bank write | recount | compare | load | crash``.
"""
