"""The worker: leading, folding exactly once, parking, verifying."""
