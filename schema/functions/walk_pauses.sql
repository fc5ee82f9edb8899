-- What the pause events of an execution do, from one of its events on, and which pauses are open and closed after them.
--
-- Of each pause event in order: its effect (opens, closes, or the code of an anomaly), whether the
-- pause is for a person (1 or 0), and the status of a pause that had ended already. A name is used once:
-- its first opening before the execution's end makes the pause, the first closing after that ends
-- it, else the execution's end. So each name is judged by itself, and no event looks at all others.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.walk_pauses(
    open_before jsonb, closed_before jsonb, ended boolean, types text[], datas jsonb[], first integer,
    OUT effects text[], OUT for_people integer[], OUT statuses text[], OUT open_pauses jsonb, OUT closed_pauses jsonb
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.type, e.data, e.n,
               CASE WHEN $3 THEN 0 ELSE coalesce(min(e.n) FILTER (WHERE runfold.ends_execution(e.type)) OVER (), 2147483647) END AS end_n
          FROM ROWS FROM (unnest($4), unnest($5)) WITH ORDINALITY AS e (type, data, n)
         WHERE e.n >= $6 AND (e.type LIKE 'Pause%' OR runfold.ends_execution(e.type))
    ), before AS (
        SELECT p.key AS name, p.value AS reason, 'active' AS status FROM jsonb_each_text($1) AS p
        UNION ALL
        SELECT p.key, NULL, p.value FROM jsonb_each_text($2) AS p
    ), moves AS (
        SELECT h.n, h.end_n, h.type, h.data ->> 'pause' AS name, h.data ->> 'pause_reason' AS reason, b.status AS standing,
               b.reason AS standing_for,
               CASE WHEN b.status IS NOT NULL THEN 0
                    ELSE min(h.n) FILTER (WHERE h.type = 'PauseOpened' AND h.n < h.end_n) OVER (PARTITION BY h.data ->> 'pause')
                     END AS made_n
          FROM happened h
          LEFT JOIN before b ON b.name = h.data ->> 'pause'
         WHERE h.type LIKE 'Pause%'
    ), lives AS (
        SELECT m.*,
               CASE WHEN m.standing IS NULL OR m.standing = 'active' THEN
                    min(m.n) FILTER (WHERE m.type <> 'PauseOpened' AND m.n < m.end_n AND m.n > m.made_n) OVER (PARTITION BY m.name)
                END AS closed_n
          FROM moves m
    ), judged AS (
        SELECT l.*,
               coalesce(l.standing_for, max(l.reason) FILTER (WHERE l.n = l.made_n) OVER (PARTITION BY l.name)) AS waits_for,
               max(runfold.pause_target(l.type)) FILTER (WHERE l.n = l.closed_n) OVER (PARTITION BY l.name) AS closed_as
          FROM lives l
    ), after AS (
        SELECT DISTINCT ON (j.name) j.name, j.waits_for,
               CASE WHEN j.standing <> 'active' THEN j.standing
                    WHEN j.closed_n IS NOT NULL THEN j.closed_as
                    WHEN j.end_n < 2147483647 THEN 'cancelled' END AS ended_as
          FROM judged j
         WHERE j.made_n IS NOT NULL
        UNION ALL
        SELECT b.name, b.reason,
               CASE WHEN b.status <> 'active' THEN b.status
                    WHEN (SELECT min(h.end_n) FROM happened h) < 2147483647 THEN 'cancelled' END
          FROM before b
         WHERE NOT EXISTS (SELECT FROM moves m WHERE m.name = b.name)
    )
    SELECT e.effects, e.for_people, e.statuses, a.open_pauses, a.closed_pauses
      FROM (SELECT array_agg(CASE WHEN j.type = 'PauseOpened'
                                  THEN CASE WHEN j.n > j.end_n THEN 'execution_ended' WHEN j.n = j.made_n THEN 'opens' ELSE 'already_exists' END
                                  WHEN j.n = j.closed_n THEN 'closes'
                                  WHEN coalesce(j.n > j.made_n, false) THEN 'after_end'
                                  ELSE 'missing_row' END ORDER BY j.n) AS effects,
                   array_agg((coalesce(j.waits_for, '') = 'human_interaction')::integer ORDER BY j.n) AS for_people,
                   array_agg(CASE WHEN j.standing <> 'active' THEN j.standing
                                  WHEN j.closed_n < j.n THEN j.closed_as
                                  ELSE 'cancelled' END ORDER BY j.n) AS statuses
              FROM judged j) AS e,
           (SELECT coalesce(jsonb_object_agg(a.name, a.waits_for) FILTER (WHERE a.ended_as IS NULL), '{}') AS open_pauses,
                   coalesce(jsonb_object_agg(a.name, a.ended_as) FILTER (WHERE a.ended_as IS NOT NULL), '{}') AS closed_pauses
              FROM after a) AS a
$$;
