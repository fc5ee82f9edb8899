"""The reference model: the meaning of a log in plain Python, and histories to test it."""
