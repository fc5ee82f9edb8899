-- pass_by: moves the groups that have no event up to the head that settle_head has read there, under this leader's epoch.
-- Parameters: epoch, groups (jsonb: name -> event types). Returns the names of those that were moved or stood there.
WITH groups AS MATERIALIZED (
    -- Once a group: unpacked in the condition below it would be unpacked for each event.
    SELECT g.key AS name, ARRAY(SELECT jsonb_array_elements_text(g.value)) AS types
      FROM jsonb_each(%(groups)s) AS g
), moved AS (
    UPDATE runfold.checkpoints c
       SET position = current_setting('runfold.head')::bigint, epoch = %(epoch)s, moved_at = clock_timestamp()
      FROM groups g
     WHERE c.group_name = g.name AND c.position < current_setting('runfold.head')::bigint
       AND NOT EXISTS (SELECT FROM runfold.events e
                        WHERE e.position > c.position AND e.position <= current_setting('runfold.head')::bigint
                          AND e.type = ANY (g.types))
       AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = %(epoch)s)
    RETURNING c.group_name
)
SELECT group_name FROM moved
 UNION ALL
SELECT c.group_name FROM runfold.checkpoints c JOIN groups g ON g.name = c.group_name
 WHERE c.position >= current_setting('runfold.head')::bigint
