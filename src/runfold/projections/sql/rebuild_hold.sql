-- rebuild_hold: holds a rebuild while a slice of it is folded, so that it is not begun anew meanwhile; no row: it was.
-- Parameters: group, digest.
SELECT FROM runfold.rebuilds WHERE group_name = %(group)s AND digest = %(digest)s AND NOT folded FOR SHARE
