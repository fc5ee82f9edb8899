"""Tests of the worker: leading, folding exactly once, parking, verifying."""
