"""Benches: each prints ratios between sides that were measured in turns within one run.

`python -m bench` runs all of them, `python -m bench.append` one. Absolute figures depend on the machine, ratios on the
design. So every figure that is promised is a ratio of medians over interleaved rounds.
"""
