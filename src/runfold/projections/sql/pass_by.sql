-- pass_by: moves the groups that have no event up to a head there, under this leader's epoch.
-- A group that was rebuilt from other files, or at this moment (epoch -1), is not passed by. Nor is one that is further behind
-- than a span: it is moved a batch at a time, so that no look for its events takes long.
-- Parameters: head (null: the one that settle_head has read), epoch, groups (jsonb: name -> {types, versions}), span.
-- Returns the names of those that were moved or stood there.
WITH groups AS MATERIALIZED (
    -- Once a group: unpacked in the condition below it would be unpacked for each event.
    SELECT g.key AS name, ARRAY(SELECT jsonb_array_elements_text(g.value -> 'types')) AS types,
           g.value -> 'versions' AS versions
      FROM jsonb_each(%(groups)s) AS g
), moved AS (
    UPDATE runfold.checkpoints c
       SET position = coalesce(%(head)s::bigint, current_setting('runfold.head', true)::bigint), epoch = %(epoch)s, moved_at = clock_timestamp(),
           retried_sqlstate = NULL, retried_error = NULL, retried_since = NULL
      FROM groups g
     WHERE c.group_name = g.name AND c.position < coalesce(%(head)s::bigint, current_setting('runfold.head', true)::bigint) AND c.epoch >= 0
       AND c.position >= coalesce(%(head)s::bigint, current_setting('runfold.head', true)::bigint) - %(span)s::bigint
       AND NOT EXISTS (SELECT FROM runfold.projections b
                        WHERE b.group_name = c.group_name AND g.versions -> b.name IS DISTINCT FROM to_jsonb(b.version))
       AND NOT EXISTS (SELECT FROM runfold.events e
                        WHERE e.position > c.position AND e.position <= coalesce(%(head)s::bigint, current_setting('runfold.head', true)::bigint)
                          AND e.type = ANY (g.types))
       AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = %(epoch)s)
    RETURNING c.group_name
)
SELECT group_name FROM moved
 UNION ALL
SELECT c.group_name FROM runfold.checkpoints c JOIN groups g ON g.name = c.group_name
 WHERE c.position >= coalesce(%(head)s::bigint, current_setting('runfold.head', true)::bigint)
