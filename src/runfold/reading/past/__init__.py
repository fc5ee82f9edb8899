"""Queries on the past: the read tables as of a position, folded from the log."""
