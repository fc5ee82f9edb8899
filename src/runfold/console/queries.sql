-- name: limit_session
-- Limits the statements of a session. Parameters: timeout.
SELECT set_config('statement_timeout', %(timeout)s, false), set_config('idle_in_transaction_session_timeout', '30s', false)

-- name: read_only_session
-- Lets a session write nothing, unless a transaction asks for it.
SELECT set_config('default_transaction_read_only', 'on', false)

-- name: status_counts
-- How many executions have each status, counted to a limit. Parameters: statuses (text[]), most.
SELECT s.status, (SELECT count(*) FROM (SELECT FROM public.workflow_executions x WHERE x.status = s.status LIMIT %(most)s) AS c) AS n
  FROM unnest(%(statuses)s::text[]) AS s (status)

-- name: size_of_table
-- About how many rows a table has, as the planner believes. Parameters: table (name).
SELECT greatest(c.reltuples, 0)::bigint AS n FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(%(table)s)

-- name: waiting_counts
-- How many questions wait for a person, counted to a limit. Parameters: most.
SELECT count(*) AS n FROM (SELECT FROM public.human_interactions i WHERE i.status = 'pending' LIMIT %(most)s) AS c

-- name: hours
-- What became of executions by the hour of their creation. Parameters: since, until, workflow (null: any).
SELECT h.hour, sum(h.created)::bigint AS created, sum(h.succeeded)::bigint AS succeeded, sum(h.failed)::bigint AS failed,
       sum(h.canceled)::bigint AS canceled, sum(h.timed_out)::bigint AS timed_out
  FROM public.execution_hours h
 WHERE h.hour >= %(since)s AND h.hour < %(until)s AND (%(workflow)s::uuid IS NULL OR h.workflow_id = %(workflow)s)
 GROUP BY h.hour
 ORDER BY h.hour

-- name: newest_execution
-- When the newest execution was created.
SELECT x.created_at FROM public.workflow_executions x ORDER BY x.created_at DESC, x.id LIMIT 1

-- name: executions_that_begin
-- Executions whose id begins so, by index. Parameters: beginning, beyond, limit.
SELECT x.execution_id
  FROM public.workflow_executions x
 WHERE x.execution_id >= %(beginning)s AND x.execution_id < %(beyond)s
 ORDER BY x.execution_id
 LIMIT %(limit)s

-- name: newer_executions
-- How many executions are newer than a row of the list, counted to 100. Parameters: time, id.
SELECT count(*) AS n
  FROM (SELECT FROM public.workflow_executions x
         WHERE x.created_at >= %(time)s AND (x.created_at > %(time)s OR x.id < %(id)s)
         LIMIT 100) AS c

-- name: events_of_execution
-- The events of an execution, for a slider of at most 400. Parameters: stream, upto.
SELECT e.stream_version, e.type, e.position
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.stream_version BETWEEN 0 AND 9223372036854775807
 ORDER BY e.stream_version
 LIMIT 400

-- name: bins_of_execution
-- The events of an execution by bins of equal numbers and by type. Parameters: stream, last, bins.
SELECT (e.stream_version - 1) * %(bins)s / %(last)s AS bin, e.type, count(*) AS n
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.stream_version BETWEEN 1 AND %(last)s
 GROUP BY 1, 2

-- name: page_of_events
-- Events of a stream after a version. Parameters: stream, after, limit.
SELECT e.stream_version, e.type, e.position, e.occurred_at, e.metadata ->> 'actor' AS actor,
       coalesce(e.data ->> 'activation', e.data ->> 'pause') AS about
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.stream_version > %(after)s AND e.stream_version BETWEEN 0 AND 9223372036854775807
 ORDER BY e.stream_version
 LIMIT %(limit)s

-- name: events_of_activation
-- The events of one activation of an execution, in order, with a digest of each field. Parameters: stream, activation, upto.
SELECT e.stream_version, e.type, e.position, e.occurred_at,
       (SELECT jsonb_object_agg(f.key, md5(f.value::text)) FROM jsonb_each(e.data) AS f WHERE f.value <> 'null') AS fields
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.data ->> 'activation' = %(activation)s AND e.position <= %(upto)s
   AND e.stream_version BETWEEN 0 AND 9223372036854775807
 ORDER BY e.stream_version
 LIMIT 1000

-- name: payloads_of_node
-- What a node was given and gave: each value, or NULL where it is longer than a page shows, with its bytes.
-- Parameters: execution_id, activation, most.
SELECT n.activation, v.name, octet_length(v.value::text) AS bytes,
       CASE WHEN octet_length(v.value::text) <= %(most)s THEN v.value END AS value,
       CASE WHEN octet_length(v.value::text) > %(most)s THEN left(v.value::text, %(most)s) END AS beginning
  FROM public.node_executions n
 CROSS JOIN LATERAL (VALUES ('error_data', n.error_data), ('input_data', n.input_data), ('output_data', n.output_data))
                 AS v (name, value)
 WHERE n.execution_id = %(execution_id)s AND n.activation = %(activation)s AND v.value IS NOT NULL

-- name: node_of_execution
-- One node without what may be large. Parameters: execution_id, activation.
SELECT n.id, n.activation, n.node_id, n.node_type, n.node_subtype, n.node_name, n.status, n.start_time, n.end_time, n.duration_ms,
       n.attempt, n.retry_count, n.max_retries, n.iteration, n.parent_id, n.closed_by, n.last_event_position, n.created_at
  FROM public.node_executions n
 WHERE n.execution_id = %(execution_id)s AND n.activation = %(activation)s

-- name: payload_of_node
-- One value of a node, whole. Parameters: execution_id, activation, name.
SELECT CASE %(name)s WHEN 'error_data' THEN n.error_data WHEN 'input_data' THEN n.input_data WHEN 'output_data' THEN n.output_data
       END::text AS value
  FROM public.node_executions n
 WHERE n.execution_id = %(execution_id)s AND n.activation = %(activation)s

-- name: first_failed_node
-- The node to look at first: the last to fail, or the one that waits. Parameters: execution_id.
SELECT n.activation, n.node_name, n.status, n.retry_count, n.end_time, n.error_data
  FROM public.node_executions n
 WHERE n.execution_id = %(execution_id)s AND n.status IN ('ERROR', 'WAITING_INPUT')
 ORDER BY n.status = 'ERROR' DESC, n.end_time DESC NULLS LAST, n.activation COLLATE "C"
 LIMIT 1

-- name: open_question
-- The question for which an execution waits. Parameters: execution (the row's id).
SELECT i.id, i.node_id, i.interaction_type, i.channel_type, i.timeout_at, i.request_data, i.status
  FROM public.human_interactions i
 WHERE i.execution_id = %(execution)s AND i.status = 'pending'
 ORDER BY i.timeout_at NULLS LAST, i.id
 LIMIT 1

-- name: run_data
-- What an execution was given and gave: each value, or NULL where it is longer than a page shows. Parameters: execution_id, most.
SELECT v.name, octet_length(v.value::text) AS bytes, CASE WHEN octet_length(v.value::text) <= %(most)s THEN v.value END AS value,
       CASE WHEN octet_length(v.value::text) > %(most)s THEN left(v.value::text, %(most)s) END AS beginning
  FROM public.workflow_executions x
 CROSS JOIN LATERAL (VALUES ('error_details', x.error_details), ('trigger_data', x.trigger_data), ('run_data', x.run_data),
                            ('metadata', nullif(x.metadata, '{}'))) AS v (name, value)
 WHERE x.execution_id = %(execution_id)s AND v.value IS NOT NULL

-- name: event_of_version
-- The event of a stream with a version. Parameters: stream, version.
SELECT e.stream_version, e.position, e.type, e.occurred_at, e.recorded_at, e.metadata ->> 'actor' AS actor,
       e.metadata ->> 'producer' AS producer, coalesce(e.data ->> 'activation', e.data ->> 'pause') AS about,
       (e.data ->> 'attempt') AS attempt
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.stream_version = %(version)s

-- name: last_of_stream
-- The version and the last position of a stream, and whether its events are archived. Parameters: stream.
SELECT s.version, s.last_position, s.archived_at IS NOT NULL AS archived FROM runfold.streams s WHERE s.stream_id = %(stream)s

-- name: workflows_named
-- Workflows of this name. Parameters: name, limit.
SELECT w.id FROM public.workflows w WHERE w.name = %(name)s ORDER BY w.id LIMIT %(limit)s

-- name: sizes
-- About how many rows tables have, as the planner believes. Parameters: names (text[]).
SELECT t.name, greatest(c.reltuples, 0)::bigint AS n
  FROM unnest(%(names)s::text[]) AS t (name)
  JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t.name)

-- name: rebuilds
-- The rebuilds under way, with the slices that are done.
SELECT r.group_name, r.slices, r.events, r.position, r.began_at, r.folded,
       (SELECT count(*) FROM runfold.rebuild_slices s WHERE s.group_name = r.group_name) AS done
  FROM runfold.rebuilds r
 ORDER BY r.group_name

-- name: workflows
-- Workflows by their latest execution, with what became of those created since a time. Parameters: since, limit.
SELECT s.workflow_id, w.name AS workflow, s.latest_execution_id, s.latest_execution_status AS latest_status, s.latest_execution_time,
       h.created, h.succeeded, h.failed, h.timed_out, h.canceled, h.p50, h.p95
  FROM (SELECT * FROM public.workflow_status s ORDER BY s.latest_execution_time DESC NULLS LAST, s.workflow_id LIMIT %(limit)s) AS s
  LEFT JOIN public.workflows w ON w.id = s.workflow_id
  LEFT JOIN LATERAL (
       SELECT sum(e.created)::bigint AS created, sum(e.succeeded)::bigint AS succeeded, sum(e.failed)::bigint AS failed,
              sum(e.timed_out)::bigint AS timed_out, sum(e.canceled)::bigint AS canceled,
              runfold.percentile_of(runfold.sum_durations(e.durations), 0.5) AS p50,
              runfold.percentile_of(runfold.sum_durations(e.durations), 0.95) AS p95
         FROM public.execution_hours e
        WHERE e.workflow_id = s.workflow_id AND e.hour >= %(since)s) AS h ON true
 ORDER BY s.latest_execution_time DESC NULLS LAST, s.workflow_id

-- name: log_page
-- The newest events before a position (null: the safe head), of a type if given. Parameters: before, type, stream (unused), limit.
SELECT e.position, e.stream_id, e.stream_version, e.type, e.occurred_at, e.recorded_at, e.metadata ->> 'actor' AS actor,
       coalesce(e.data ->> 'activation', e.data ->> 'pause', left(e.data ->> 'message', 200)) AS about
  FROM runfold.events e
 WHERE e.position <= (SELECT runfold.safe_head()) AND (%(before)s::bigint IS NULL OR e.position < %(before)s)
   AND (%(type)s::text IS NULL OR e.type = %(type)s) AND %(stream)s::text IS NULL
 ORDER BY e.position DESC
 LIMIT %(limit)s

-- name: log_of_stream
-- The newest events of a stream before a position (null: any), of a type if given. Parameters: before, type, stream, limit.
SELECT e.position, e.stream_id, e.stream_version, e.type, e.occurred_at, e.recorded_at, e.metadata ->> 'actor' AS actor,
       coalesce(e.data ->> 'activation', e.data ->> 'pause', left(e.data ->> 'message', 200)) AS about
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND (%(before)s::bigint IS NULL OR e.position < %(before)s)
   AND (%(type)s::text IS NULL OR e.type = %(type)s)
 ORDER BY e.stream_version DESC
 LIMIT %(limit)s

-- name: growth_tables
-- The bytes of each table with its indexes and what is stored beside it, the largest first; a log's partitions count for it.
SELECT CASE WHEN n.nspname = 'runfold_partitions' THEN coalesce(p.parent, n.nspname) ELSE format('%%s.%%s', n.nspname, c.relname) END AS name,
       sum(pg_table_size(c.oid))::bigint AS table_bytes, sum(pg_indexes_size(c.oid))::bigint AS index_bytes,
       sum(greatest(c.reltuples, 0))::bigint AS n
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (SELECT i.inhparent::regclass::text AS parent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) AS p ON true
 WHERE c.relkind = 'r' AND n.nspname IN ('public', 'runfold', 'runfold_partitions', 'projections')
 GROUP BY 1
HAVING sum(pg_total_relation_size(c.oid)) > 65536
 ORDER BY sum(pg_total_relation_size(c.oid)) DESC
 LIMIT 40

-- name: growth_retention
-- How long rows are kept, and streams in the log, and when what had expired was last removed.
SELECT CASE r.kind WHEN 'archive' THEN 'streams of ' || r.category ELSE r.table_name END AS name, r.keep::text AS keep, r.cutoff, r.ran_at
  FROM runfold.retention r
 ORDER BY r.kind DESC, r.subject

-- name: growth_workflows
-- The workflows with the most executions, by the hour fold. Parameters: limit.
SELECT h.workflow_id, w.name AS workflow, sum(h.created)::bigint AS created, max(h.hour) AS last_hour
  FROM public.execution_hours h
  LEFT JOIN public.workflows w ON w.id = h.workflow_id
 GROUP BY h.workflow_id, w.name
 ORDER BY 3 DESC, 1
 LIMIT %(limit)s
