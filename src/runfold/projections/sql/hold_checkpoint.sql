-- hold_checkpoint: where a group stands; held to the end of the transaction, so that a stream that is retried meanwhile is folded by one
-- of the two, whole, and a rebuild lands before or after this batch.
-- Parameters: group.
SELECT c.position FROM runfold.checkpoints c WHERE c.group_name = %(group)s FOR NO KEY UPDATE OF c
