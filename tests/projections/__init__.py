"""Tests of the folds and of everything that uses them."""
