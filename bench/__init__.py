"""Benchmarks: what Douane costs, as ratios against peers measured in the same seconds. Never shipped."""
