"""Segments of the log as files: they are written, taken out of the log, listed, verified and brought back."""
