-- own_rebuild_begin: notes a rebuild of a user's group that begins. Parameters: group, digest, tables (text[]).
INSERT INTO runfold.own_rebuilds (group_name, digest, tables) VALUES (%(group)s, %(digest)s, %(tables)s)
