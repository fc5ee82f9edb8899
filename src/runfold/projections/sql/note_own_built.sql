-- note_own_built: notes that a table of a user's group holds what its file says, in the transaction that makes it so.
-- Parameters: group, name, version, digest.
SELECT runfold.note_own_built(%(group)s, %(name)s, %(version)s, %(digest)s)
