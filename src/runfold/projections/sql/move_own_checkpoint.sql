-- move_own_checkpoint: move_checkpoint of a user's group, for the login that folds it; false where it did not move.
-- Parameters: group, after, upto, epoch.
SELECT runfold.move_own_checkpoint(%(group)s, %(after)s, %(upto)s, %(epoch)s)
