-- Chooses the streams that may leave a range of segments for the archive, in place of those chosen before.
--
-- A stream leaves whole: its first and last position are in the range. It has ended, its last event is older than its
-- category's policy says (with `older_than` also than that, for executions and what belongs to them), every group and
-- subscription is past it, it is not parked, holds no claim and is not held by an engine. A log's or question's execution has
-- ended, too. Returns how many streams were chosen, and how many events they have.
--
-- grant: projector, operator
CREATE FUNCTION runfold.choose_leaving(
    from_position bigint, to_position bigint, older_than interval DEFAULT NULL, OUT streams bigint, OUT events bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    lower constant bigint := from_position;
    upper constant bigint := to_position;
    bound bigint := runfold.archivable_head();
BEGIN
    DELETE FROM runfold.leaving_streams;
    WITH policies AS MATERIALIZED (
        SELECT r.category, now() - CASE WHEN older_than IS NOT NULL AND r.category IN ('execution', 'log', 'interaction', 'response')
                                        THEN older_than ELSE r.keep END AS cutoff
          FROM runfold.retention r WHERE r.kind = 'archive'
    ), old AS MATERIALIZED (
        SELECT s.stream_id, s.version, s.first_position, s.last_position, p.category
          FROM runfold.streams s
          JOIN policies p ON p.category = split_part(s.stream_id, '-', 1)
          JOIN runfold.events l ON l.position = s.last_position AND l.recorded_at < p.cutoff
         WHERE s.first_position >= lower AND s.last_position <= least(upper, bound) AND l.position BETWEEN lower AND upper
           AND s.archived_at IS NULL
           AND NOT EXISTS (SELECT FROM runfold.parked_streams k WHERE k.stream_id = s.stream_id)
           AND NOT EXISTS (SELECT FROM runfold.claims c WHERE c.stream_id = s.stream_id)
           AND NOT EXISTS (SELECT FROM runfold.holds h WHERE runfold.stream_id('execution', h.execution_id) = s.stream_id)
    ), ends AS MATERIALIZED (
        -- What each of them has become by its last event that moves it.
        SELECT DISTINCT ON (e.stream_id) e.stream_id,
               CASE e.category WHEN 'execution' THEN runfold.ends_execution(e.type)
                               WHEN 'interaction' THEN runfold.interaction_has_ended(runfold.interaction_target(e.type))
                               ELSE runfold.response_target(e.type) IN ('matched', 'filtered_out', 'error') END AS ended
          FROM runfold.events e
         WHERE e.position BETWEEN lower AND upper AND e.category IN ('execution', 'interaction', 'response')
           AND CASE e.category WHEN 'execution' THEN runfold.ends_execution(e.type)
                               WHEN 'interaction' THEN runfold.interaction_target(e.type) IS NOT NULL
                               ELSE runfold.response_target(e.type) IS NOT NULL END
         ORDER BY e.stream_id, e.position DESC
    ), asked AS MATERIALIZED (
        SELECT e.stream_id, e.data ->> 'execution_id' AS execution_id
          FROM runfold.events e
         WHERE e.position BETWEEN lower AND upper AND e.category = 'interaction' AND e.type = 'InteractionRequested'
    ), chosen AS MATERIALIZED (
        SELECT o.* FROM old o
          LEFT JOIN ends n ON n.stream_id = o.stream_id
         WHERE CASE o.category
               WHEN 'log' THEN runfold.execution_is_over(runfold.stream_name(o.stream_id))
               WHEN 'interaction' THEN n.ended AND NOT EXISTS (
                   SELECT FROM asked a WHERE a.stream_id = o.stream_id AND NOT runfold.execution_is_over(a.execution_id))
               WHEN 'execution' THEN coalesce(n.ended, false)
               WHEN 'response' THEN coalesce(n.ended, false)
               ELSE true END
    ), digests AS (
        SELECT d.stream_id, count(*) AS events, sha256(string_agg(d.leaf, '' ORDER BY d.stream_version)) AS digest
          FROM (SELECT e.stream_id, e.stream_version,
                       runfold.event_leaf(e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type,
                                          e.schema_version, e.user_id, e.data, e.payload, e.metadata, e.occurred_at, e.recorded_at) AS leaf
                  FROM runfold.events e JOIN chosen c ON c.stream_id = e.stream_id
                 WHERE e.position BETWEEN lower AND upper) AS d
         GROUP BY d.stream_id
    ), entered AS (
        INSERT INTO runfold.leaving_streams (stream_id, version, first_position, last_position, digest)
        SELECT c.stream_id, c.version, c.first_position, c.last_position, d.digest FROM chosen c JOIN digests d USING (stream_id)
        RETURNING stream_id
    )
    SELECT count(*), coalesce(sum(d.events), 0) INTO streams, events
      FROM entered JOIN digests d ON d.stream_id = entered.stream_id;
END
$$;
