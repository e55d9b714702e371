"""Weights: which ones we know, where they come from, where they lie, and their token table."""
