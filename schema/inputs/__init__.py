"""Inputs of mutations and their conversion to values of the product."""
