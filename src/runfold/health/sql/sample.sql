-- What the metrics say of a store: a row for each number, with the metric it belongs to and its label, where it has one.
-- Nothing in it grows with the log: what is counted has a limit, what is looked at is a span of positions.
-- Rows whose metric begins with ':' are texts for the probes.
-- Parameters: groups (jsonb: the event types of each group), span (positions that are looked at behind a checkpoint), most (the
-- most events of a lag), limit (the most rows of any other kind). The caller puts wal_bytes in, which not every role may ask.
WITH head AS MATERIALIZED (
    SELECT p.last_value - (NOT p.is_called)::integer AS issued, runfold.safe_head() AS safe, runfold.log_end() AS ends,
           pg_is_in_recovery() AS in_recovery
      FROM runfold.events_position p
), groups AS MATERIALIZED (
    SELECT g.key AS name, coalesce(c.position, 0) AS position, c.stopped_error IS NOT NULL AS stopped,
           c.retried_error IS NOT NULL AS retried, coalesce(c.position, 0) >= h.safe AS at_head,
           ARRAY(SELECT jsonb_array_elements_text(g.value)) AS types
      FROM head h, jsonb_each(%(groups)s::jsonb) AS g
      LEFT JOIN runfold.checkpoints c ON c.group_name = g.key
), lags AS MATERIALIZED (
    SELECT g.name, b.events, b.seconds
      FROM head h, groups g
     CROSS JOIN LATERAL (
         SELECT count(*) AS events, coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0) AS seconds
           FROM (SELECT x.recorded_at FROM runfold.events x
                  WHERE NOT g.at_head AND x.position > g.position AND x.position <= least(h.safe, g.position + %(span)s)
                    AND x.type = ANY (g.types)
                  ORDER BY x.position LIMIT %(most)s) AS e) AS b
), subscriptions AS MATERIALIZED (
    SELECT s.name, greatest(h.safe - s.position, 0) AS behind,
           coalesce((SELECT extract(epoch FROM clock_timestamp() - e.recorded_at) FROM runfold.events e
                      WHERE e.position > s.position AND e.position <= h.safe ORDER BY e.position LIMIT 1), 0) AS seconds
      FROM head h, (SELECT s.name, s.position FROM runfold.subscriptions s ORDER BY s.position LIMIT %(limit)s) AS s
), engines AS MATERIALIZED (
    SELECT count(*) AS here, count(*) FILTER (WHERE runfold.engine_is_silent(e.engine_id)) AS silent
      FROM (SELECT e.engine_id FROM runfold.engines e LIMIT %(limit)s) AS e
), archiver AS MATERIALIZED (
    SELECT a.failed_count, coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false) AS failing,
           -- Nothing waits where the segment before the present one is archived; the order of their names is theirs.
           CASE WHEN a.last_archived_wal IS NOT NULL AND substring(a.last_archived_wal, 9, 16) >= substring(w.present, 9, 16)
                THEN 0
                ELSE extract(epoch FROM clock_timestamp() - coalesce(a.last_archived_time, a.stats_reset)) END AS seconds
      FROM pg_stat_archiver a, head h
     CROSS JOIN LATERAL (SELECT CASE WHEN NOT h.in_recovery THEN
                                    pg_walfile_name(pg_current_wal_lsn()
                                                    - 1 - pg_size_bytes(current_setting('wal_segment_size'))) END) AS w (present)
     WHERE current_setting('archive_mode') <> 'off' AND NOT h.in_recovery
), growth AS MATERIALIZED (
    SELECT (n.bytes - o.bytes) / (n.day - o.day) AS bytes
      FROM (SELECT day, sum(bytes) AS bytes FROM runfold.table_size_samples
             WHERE day = (SELECT max(day) FROM runfold.table_size_samples) GROUP BY day) AS n
     CROSS JOIN LATERAL (
         SELECT s.day, sum(s.bytes) AS bytes FROM runfold.table_size_samples s
          WHERE s.day = (SELECT min(m.day) FROM runfold.table_size_samples m WHERE m.day >= n.day - 7 AND m.day < n.day)
          GROUP BY s.day) AS o
)
SELECT 'log_head_position' AS metric, NULL AS label, h.issued::float8 AS value FROM head h
UNION ALL SELECT 'safe_head_position', NULL, h.safe FROM head h
UNION ALL SELECT 'safe_head_age_seconds', NULL, coalesce(max(extract(epoch FROM clock_timestamp() - o.since)), 0)
            FROM runfold.head_holders() AS o
UNION ALL SELECT 'spare_partitions', NULL, (h.ends - 1 - h.issued) / 5000000 FROM head h
UNION ALL SELECT 'in_recovery', NULL, h.in_recovery::integer FROM head h
UNION ALL SELECT 'events_appended_total', NULL, coalesce(sum(s.n_tup_ins), 0)
            FROM pg_inherits i JOIN pg_stat_user_tables s ON s.relid = i.inhrelid
           WHERE i.inhparent = 'runfold.events'::regclass
UNION ALL SELECT 'group_checkpoint_position', g.name, g.position FROM groups g
UNION ALL SELECT 'group_stopped', g.name, g.stopped::integer FROM groups g
UNION ALL SELECT 'group_retried', g.name, g.retried::integer FROM groups g
UNION ALL SELECT 'group_lag_events', l.name, l.events FROM lags l
UNION ALL SELECT 'group_lag_seconds', l.name, l.seconds FROM lags l
UNION ALL SELECT 'parked_streams', g.name, (SELECT count(*) FROM (SELECT FROM runfold.parked_streams p
                                                                WHERE p.group_name = g.name LIMIT %(most)s) AS p) FROM groups g
UNION ALL SELECT 'discarded_events', NULL, count(*) FROM (SELECT FROM runfold.discarded_events LIMIT %(most)s) AS d
UNION ALL SELECT 'anomalies', NULL, count(*) FROM (SELECT FROM runfold.anomalies LIMIT %(most)s) AS a
UNION ALL SELECT 'leader_epoch', NULL, l.epoch FROM runfold.leader l
UNION ALL SELECT 'leader_beat_age_seconds', NULL, extract(epoch FROM clock_timestamp() - l.beat_at) FROM runfold.leader l
           WHERE l.beat_at IS NOT NULL
UNION ALL SELECT ':leader', l.worker, extract(epoch FROM clock_timestamp() - l.beat_at) FROM runfold.leader l
           WHERE l.beat_at IS NOT NULL
UNION ALL SELECT 'engines', NULL, e.here FROM engines e
UNION ALL SELECT 'engines_silent', NULL, e.silent FROM engines e
UNION ALL SELECT 'subscription_lag_positions', s.name, s.behind FROM subscriptions s
UNION ALL SELECT 'subscription_lag_seconds', s.name, s.seconds FROM subscriptions s
UNION ALL (SELECT 'verified_age_seconds', p.name, extract(epoch FROM clock_timestamp() - v.verified_at)
             FROM runfold.projections p JOIN runfold.verifications v ON v.projection = p.name ORDER BY p.name LIMIT %(limit)s)
UNION ALL (SELECT 'verified_differences', p.name, v.differences
             FROM runfold.projections p JOIN runfold.verifications v ON v.projection = p.name ORDER BY p.name LIMIT %(limit)s)
UNION ALL SELECT 'tables_never_verified', NULL, count(*) FROM runfold.projections p
           WHERE NOT EXISTS (SELECT FROM runfold.verifications v WHERE v.projection = p.name)
UNION ALL (SELECT 'retention_age_seconds', r.table_name, extract(epoch FROM clock_timestamp() - r.ran_at)
             FROM runfold.retention r WHERE r.keep IS NOT NULL AND to_regclass(r.table_name) IS NOT NULL
            ORDER BY r.table_name LIMIT %(limit)s)
UNION ALL SELECT 'connections', NULL, sum(b.numbackends) FROM pg_stat_database b
UNION ALL SELECT 'connections_limit', NULL, current_setting('max_connections')::integer
UNION ALL SELECT 'longest_statement_seconds', NULL, coalesce(max(extract(epoch FROM clock_timestamp() - a.query_start)), 0)
            FROM pg_stat_activity a
           WHERE a.datname = current_database() AND a.state = 'active' AND a.application_name = 'runfold'
UNION ALL (SELECT 'replication_lag_seconds', r.application_name, coalesce(extract(epoch FROM max(r.replay_lag)), 0)
             FROM pg_stat_replication r GROUP BY r.application_name ORDER BY r.application_name LIMIT %(limit)s)
UNION ALL SELECT 'replication_slots_inactive', NULL, count(*) FROM pg_replication_slots s WHERE NOT s.active
UNION ALL SELECT 'wal_archive_failures_total', NULL, a.failed_count FROM archiver a
UNION ALL SELECT 'wal_archive_failing', NULL, a.failing::integer FROM archiver a
UNION ALL SELECT 'wal_archive_age_seconds', NULL, a.seconds FROM archiver a
UNION ALL SELECT 'database_bytes', NULL, pg_database_size(current_database())
UNION ALL SELECT 'wal_bytes', NULL, w.bytes FROM (SELECT {wal_bytes}) AS w (bytes) WHERE w.bytes IS NOT NULL
UNION ALL SELECT 'growth_bytes_per_day', NULL, g.bytes FROM growth g
UNION ALL SELECT ':stamp', obj_description(to_regnamespace('runfold'), 'pg_namespace'), NULL
UNION ALL SELECT ':applied', m.version, NULL FROM runfold.applied_migrations() AS m
