-- safe_head: the position up to which the log is settled. No parameters.
SELECT runfold.safe_head()
