"""A day of the hub as Type B text, what is to come of it counted apart from the product, and the product beside that.

``python -m benchmarks.bank write | recount | compare | load | crash``.
"""
