-- discard_own_event: discard_event of a user's group, for the login that folds it; an operator has allowed it to this session.
-- Parameters: group, position, sqlstate, error.
SELECT stream_version, type FROM runfold.discard_own_event(%(group)s, %(position)s, %(sqlstate)s, %(error)s)
