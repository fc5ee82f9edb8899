-- register_own_group: notes which login folds a user's group. Run by the worker's own role, never by that login.
-- Parameters: group, role.
INSERT INTO runfold.own_groups AS g (group_name, role_name) VALUES (%(group)s, %(role)s)
    ON CONFLICT (group_name) DO UPDATE SET role_name = excluded.role_name
 WHERE g.role_name IS DISTINCT FROM excluded.role_name
