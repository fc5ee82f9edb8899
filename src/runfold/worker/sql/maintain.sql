-- maintain: makes partitions of the log and of the log table ahead of time.
SELECT runfold.ensure_partitions(), runfold.ensure_log_partitions()
