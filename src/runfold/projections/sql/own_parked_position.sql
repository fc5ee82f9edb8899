-- own_parked_position: where a stream is parked in a user's group; null where it is not.
-- Parameters: group, stream.
SELECT runfold.own_parked_position(%(group)s, %(stream)s)
