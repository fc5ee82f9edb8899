-- position_at: the position that the log stood at at a time, 0 before its first event. Parameters: time.
SELECT runfold.position_at(%(time)s)
