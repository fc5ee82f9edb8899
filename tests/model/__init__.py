"""The reference model: what a log means, in plain Python, and histories to try it on."""
