-- park_own_stream: park_stream of a user's group, for the login that folds it.
-- Parameters: group, stream, position, sqlstate, error.
SELECT runfold.park_own_stream(%(group)s, %(stream)s, %(position)s, %(sqlstate)s, %(error)s)
