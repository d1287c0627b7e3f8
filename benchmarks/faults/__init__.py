"""Fault matrix: every store and partner fails in every way, and the product must lose and confuse nothing."""
