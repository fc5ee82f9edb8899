"""What people read: the present here, the past in `past`."""
