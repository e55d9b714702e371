"""Benchmarks. Each prints a table for people and, as its very last line, one JSON document."""
