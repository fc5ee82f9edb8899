-- register_group: makes the checkpoint of a group that has none; locks it and tells where it stands.
-- Parameters: group.
INSERT INTO runfold.checkpoints AS c (group_name) VALUES (%(group)s)
    ON CONFLICT (group_name) DO UPDATE SET group_name = excluded.group_name
RETURNING c.position
