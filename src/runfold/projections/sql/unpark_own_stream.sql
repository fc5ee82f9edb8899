-- unpark_own_stream: unpark_stream of a user's group, for the login that folds it.
-- Parameters: group, stream.
SELECT runfold.unpark_own_stream(%(group)s, %(stream)s)
