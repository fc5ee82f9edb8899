-- rebuild_parked_differ: whether other streams are parked now than the shadows were folded without.
-- Parameters: group, position (that of the shadows).
SELECT EXISTS (
    SELECT
      FROM (SELECT stream_id, position FROM runfold.parked_streams WHERE group_name = %(group)s AND position <= %(position)s) AS p
      FULL JOIN (SELECT stream_id, position, found FROM runfold.rebuild_parked WHERE group_name = %(group)s) AS r USING (stream_id)
     WHERE NOT coalesce(r.found, false) AND p.position IS DISTINCT FROM r.position)
