-- begin_own_batch: group_state of a user's group, for the login that folds it; the transaction then commits settled or not at all.
-- Parameters: group.
SELECT position, parked, built FROM runfold.begin_own_batch(%(group)s)
