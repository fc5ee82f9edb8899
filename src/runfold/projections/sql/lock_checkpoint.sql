-- lock_checkpoint: where a group stands; nobody moves it, folds into its tables or retries a stream of it until this transaction ends.
-- Parameters: group.
SELECT position FROM runfold.checkpoints WHERE group_name = %(group)s FOR UPDATE
