-- safe_head: the position up to which the log is settled.
SELECT runfold.safe_head()
