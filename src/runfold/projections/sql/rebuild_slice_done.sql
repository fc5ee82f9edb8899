-- rebuild_slice_done: notes a slice in the transaction that folds it; no row: it was done by another one.
-- Parameters: group, slice.
INSERT INTO runfold.rebuild_slices (group_name, slice) VALUES (%(group)s, %(slice)s) ON CONFLICT DO NOTHING
