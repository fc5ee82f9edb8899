-- rebuild_begin: notes a rebuild that begins. Parameters: group, digest, position, slices, events.
INSERT INTO runfold.rebuilds (group_name, digest, position, slices, events)
VALUES (%(group)s, %(digest)s, %(position)s, %(slices)s, %(events)s)
