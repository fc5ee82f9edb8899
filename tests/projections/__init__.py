"""The folds and their runner."""
