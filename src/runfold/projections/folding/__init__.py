"""Folding batches of events into read tables, with a checkpoint."""
