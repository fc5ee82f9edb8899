-- end_own_batch: ends a batch of a user's group without moving its checkpoint.
-- Parameters: group.
SELECT runfold.end_own_batch(%(group)s)
