"""The read tables as they were at a moment, folded from the log."""
