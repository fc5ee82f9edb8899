-- What operators watch. Each view says with `alarms` what is above the threshold of the alert rules.
CREATE VIEW runfold_stats.connection_use WITH (security_invoker = true) AS
    SELECT d.used, d.most, round(d.used::numeric / d.most, 3) AS share, d.used > 0.8 * d.most AS alarms
      -- Of pg_stat_activity only members of pg_read_all_stats see all.
      FROM (SELECT sum(b.numbackends) AS used, current_setting('max_connections')::integer AS most
              FROM pg_catalog.pg_stat_database b) AS d;

CREATE VIEW runfold_stats.connections_by_application WITH (security_invoker = true) AS
    SELECT a.usename::text AS role, a.application_name, count(*) AS connections
      FROM pg_catalog.pg_stat_activity a
     WHERE a.datname = current_database()
     GROUP BY a.usename, a.application_name;

CREATE VIEW runfold_stats.index_hits WITH (security_invoker = true) AS
    SELECT format('%I.%I', s.schemaname, s.relname) AS table_name, s.heap_blks_hit + s.heap_blks_read AS table_blocks,
           round(s.heap_blks_hit::numeric / nullif(s.heap_blks_hit + s.heap_blks_read, 0), 4) AS table_hit_ratio,
           coalesce(s.idx_blks_hit, 0) + coalesce(s.idx_blks_read, 0) AS index_blocks,
           round(s.idx_blks_hit::numeric / nullif(s.idx_blks_hit + s.idx_blks_read, 0), 4) AS index_hit_ratio
      FROM pg_catalog.pg_statio_user_tables s
     WHERE s.schemaname IN ('public', 'runfold', 'runfold_partitions', 'projections');

CREATE VIEW runfold_stats.unused_indexes WITH (security_invoker = true) AS
    SELECT format('%I.%I', s.schemaname, s.relname) AS table_name, format('%I.%I', s.schemaname, s.indexrelname) AS index_name,
           pg_relation_size(s.indexrelid) AS bytes, d.stats_reset AS counted_since
      FROM pg_catalog.pg_stat_user_indexes s
      JOIN pg_catalog.pg_index i ON i.indexrelid = s.indexrelid
      JOIN pg_catalog.pg_stat_database d ON d.datname = current_database()
     WHERE s.idx_scan = 0 AND NOT i.indisunique AND s.schemaname IN ('public', 'runfold', 'projections');

CREATE VIEW runfold_stats.dead_rows WITH (security_invoker = true) AS
    SELECT format('%I.%I', s.schemaname, s.relname) AS table_name, s.n_live_tup AS live, s.n_dead_tup AS dead,
           round(s.n_dead_tup::numeric / nullif(s.n_live_tup + s.n_dead_tup, 0), 3) AS dead_share,
           greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at, greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at,
           s.n_dead_tup > greatest(s.n_live_tup, 100000) AS alarms
      FROM pg_catalog.pg_stat_user_tables s
     WHERE s.schemaname IN ('public', 'runfold', 'runfold_partitions', 'projections');

CREATE VIEW runfold_stats.replication_lag WITH (security_invoker = true) AS
    SELECT r.application_name, r.state, r.sync_state, r.replay_lag,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                           r.replay_lsn) AS bytes,
           coalesce(r.replay_lag > interval '10 s', false) AS alarms
      FROM pg_catalog.pg_stat_replication r;

CREATE VIEW runfold_stats.fold_lag WITH (security_invoker = true) AS
    SELECT c.group_name, c.position AS checkpoint, h.position AS published_head, greatest(h.position - c.position, 0) AS lag,
           c.stopped_error, c.stopped_error IS NOT NULL AS alarms
      FROM runfold.checkpoints c
     CROSS JOIN runfold.published_head h;

CREATE VIEW runfold_stats.retention_lag WITH (security_invoker = true) AS
    SELECT r.table_name, r.keep, r.cutoff, r.ran_at, clock_timestamp() - r.ran_at AS since, r.blocked_since,
           clock_timestamp() - r.ran_at > interval '2 days' OR clock_timestamp() - r.blocked_since > interval '1 day' AS alarms
      FROM runfold.retention r
     WHERE r.kind = 'table' AND r.keep IS NOT NULL AND to_regclass(r.table_name) IS NOT NULL;

COMMENT ON VIEW runfold_stats.connection_use IS 'How many of the server''s connections are used; it alarms above 80 percent.';
COMMENT ON VIEW runfold_stats.connections_by_application IS 'Who uses the server''s connections.';
COMMENT ON VIEW runfold_stats.index_hits IS 'How much of each table and its indexes is found in memory.';
COMMENT ON VIEW runfold_stats.unused_indexes IS 'Indexes that no query has used since the statistics were reset.';
COMMENT ON VIEW runfold_stats.dead_rows IS 'How many rows of each table are dead, and when it was last vacuumed and analyzed.';
COMMENT ON VIEW runfold_stats.replication_lag IS 'How far each standby is behind; it alarms above 10 seconds.';
COMMENT ON VIEW runfold_stats.fold_lag IS 'How far each group of projections is behind the published head; it alarms when one has stopped.';

COMMENT ON VIEW runfold_stats.retention_lag IS
    'When rows that have expired were last removed from each table; it alarms after two days, or after a day in which a partition could not be locked.';

GRANT SELECT ON runfold_stats.connection_use, runfold_stats.connections_by_application, runfold_stats.index_hits,
                runfold_stats.unused_indexes, runfold_stats.dead_rows, runfold_stats.replication_lag, runfold_stats.fold_lag,
                runfold_stats.retention_lag
   TO runfold_operator;

-- after the functions

CREATE VIEW runfold_stats.slow_queries WITH (security_invoker = true) AS
    SELECT s.source, s.pid, s.calls, s.mean_ms, s.total_ms, s.statement, true AS alarms FROM runfold.slow_statements() AS s;

CREATE VIEW runfold_stats.table_sizes WITH (security_invoker = true) AS
    SELECT t.table_name, t.bytes, t.row_estimate, t.bytes - d.bytes AS growth_of_day, t.bytes - w.bytes AS growth_of_week,
           t.bytes - m.bytes AS growth_of_30_days
      FROM runfold.table_sizes() AS t
     CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS n
      LEFT JOIN runfold.table_size_samples d ON d.table_name = t.table_name AND d.day = n.today - 1
      LEFT JOIN runfold.table_size_samples w ON w.table_name = t.table_name AND w.day = n.today - 7
      LEFT JOIN runfold.table_size_samples m ON m.table_name = t.table_name AND m.day = n.today - 30;

CREATE VIEW runfold_stats.migrations WITH (security_invoker = true) AS
    SELECT m.version, m.is_newest, m.is_stamped, m.is_newest AND NOT m.is_stamped AS alarms FROM runfold.applied_migrations() AS m;

COMMENT ON VIEW runfold_stats.slow_queries IS 'Statements that take more than a second: now, and on average where pg_stat_statements is installed.';
COMMENT ON VIEW runfold_stats.table_sizes IS 'The size of each table, and how much it grew, by a sample of each day.';
COMMENT ON VIEW runfold_stats.migrations IS 'The migrations that were applied; it alarms where the schema''s stamp is another version.';

GRANT SELECT ON runfold_stats.slow_queries, runfold_stats.table_sizes, runfold_stats.migrations TO runfold_operator;
