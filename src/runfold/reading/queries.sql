-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.
-- The bounds of stream_version leave nothing out. Without statistics the planner expects few events between them, and so finds
-- a stream's events by the index of streams; without them it would read the index of all positions as well.
-- A subquery that is LATERAL looks only into the partitions between the stream's positions; a join of the two looks into each.

-- name: columns_of_table
-- A table's columns with their types, and whether one alone is unique. Parameters: table (schema.table).
SELECT a.attname, format_type(a.atttypid, NULL),
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL AND i.indnkeyatts = 1
                  AND i.indkey[0] = a.attnum)
  FROM pg_attribute a
 WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- name: declare_lost
-- Ends an execution without an event for so long; NULL if it has a newer event, or has ended.
-- Parameters: execution_id, idle (seconds), detector.
SELECT runfold.declare_lost(%(execution_id)s, make_interval(secs => %(idle)s), %(detector)s)

-- name: engines
-- The engines, the silent ones first; with the executions that each holds and that have not ended. Parameters: limit.
SELECT e.engine_id, e.name, e.host, e.pid, runfold.engine_is_silent(e.engine_id) AS silent, e.gone_at, e.beat, e.patience,
       (SELECT count(*) FROM runfold.holds h WHERE h.engine_id = e.engine_id) AS executions,
       e.started_at, e.beat_at, extract(epoch FROM clock_timestamp() - e.beat_at)::float8 AS heard_seconds,
       extract(epoch FROM clock_timestamp() - e.started_at)::float8 AS started_seconds
  FROM runfold.engines e
 ORDER BY silent DESC, e.name, e.started_at
 LIMIT %(limit)s

-- name: deployments
-- A page of deployments, newest first (started_at descending, id).
-- Parameters, each but limit may be null: workflow, status (of to_status), after_time and after_id (both or none), limit.
SELECT d.id, d.deployment_id, d.workflow_id, w.name AS workflow, d.user_id, d.deployment_action, d.from_status, d.to_status,
       d.deployment_version, d.triggered_by, d.started_at, d.completed_at, d.error_message, d.deployment_logs,
       d.last_event_position
  FROM public.workflow_deployment_history d
  LEFT JOIN public.workflows w ON w.id = d.workflow_id
 WHERE (%(workflow)s::uuid IS NULL OR d.workflow_id = %(workflow)s)
   AND (%(status)s::text IS NULL OR d.to_status = %(status)s)
   AND (%(after_time)s::timestamptz IS NULL
        OR d.started_at <= %(after_time)s AND (d.started_at < %(after_time)s OR d.id > %(after_id)s::uuid))
 ORDER BY d.started_at DESC, d.id
 LIMIT %(limit)s

-- name: discarded_events
-- Discarded events, newest first. Parameters: stream (null: any), limit.
SELECT group_name, stream_id, position, stream_version, event_id, type, sqlstate, error, reason, discarded_by, role_name,
       discarded_at, count(*) OVER () AS total
  FROM runfold.discarded_events
 WHERE %(stream)s::text IS NULL OR stream_id = %(stream)s
 ORDER BY discarded_at DESC, position DESC
 LIMIT %(limit)s

-- name: discarded_until
-- The discarded events of these groups at or before a position.
-- Parameters: groups (text[]), streams (text[], null: any), tenant (null: any), upto.
SELECT d.group_name, d.stream_id, d.position, d.stream_version, d.type, d.reason, d.discarded_by, d.discarded_at
  FROM runfold.discarded_events d
 WHERE d.group_name = ANY (%(groups)s) AND (%(streams)s::text[] IS NULL OR d.stream_id = ANY (%(streams)s)) AND d.position <= %(upto)s
   AND (%(tenant)s::uuid IS NULL
        OR EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = d.stream_id AND s.user_id = %(tenant)s))
 ORDER BY d.group_name, d.position

-- name: drop_subscription
-- Forgets a subscription's bookmark. Parameters: name.
DELETE FROM runfold.subscriptions s WHERE s.name = %(name)s

-- name: archive_of_stream
-- Where a stream is archived; no row: it is in the log. Parameters: stream.
SELECT runfold.archive_of_stream(s.stream_id) ->> 'file' FROM runfold.streams s WHERE s.stream_id = %(stream)s AND s.archived_at IS NOT NULL

-- name: archived_latest
-- The executions of some workflows that are archived, and may be the latest one up to a position: none that is in the log began
-- later. Parameters: workflows (text[], lower case), upto.
SELECT DISTINCT a.stream_id
  FROM runfold.archived_executions a
  JOIN public.workflow_executions x ON x.execution_id = substr(a.stream_id, 11)
 WHERE a.workflow_id = ANY (%(workflows)s) AND a.position <= %(upto)s
   AND NOT EXISTS (SELECT FROM public.workflow_executions y
                     JOIN runfold.streams s ON s.stream_id = 'execution-' || y.execution_id
                    WHERE y.workflow_id = x.workflow_id AND y.order_time > x.order_time AND s.archived_at IS NULL
                      AND s.first_position <= %(upto)s)

-- name: event_at
-- The event at a position, upcast, with its actor. Parameters: position.
SELECT e.position, e.stream_id, e.stream_version, e.event_id, e.type, e.occurred_at, e.recorded_at,
       e.metadata ->> 'actor' AS actor, runfold.upcast(e.type, e.schema_version, e.data) AS data
  FROM runfold.events e
 WHERE e.position = %(position)s

-- name: event_of_stream
-- A stream's event with a version, or without one (null) the last event up to a position. Parameters: stream, version, upto.
SELECT e.position, e.stream_version, e.type, e.occurred_at, e.recorded_at
  FROM runfold.streams s
 CROSS JOIN LATERAL (SELECT x.*
                       FROM runfold.events x
                      WHERE x.stream_id = s.stream_id AND x.position BETWEEN s.first_position AND s.last_position
                        AND (%(version)s::bigint IS NULL OR x.stream_version = %(version)s)
                        AND (%(upto)s::bigint IS NULL OR x.position <= %(upto)s)
                        AND x.stream_version BETWEEN 0 AND 9223372036854775807
                      ORDER BY x.stream_version DESC
                      LIMIT 1) AS e
 WHERE s.stream_id = %(stream)s
   AND runfold.require_in_log(%(stream)s, %(version)s::bigint - 1)

-- name: events_behind
-- The first events of a stream after a position. Parameters: stream, position, types (text[], null: any), limit.
SELECT e.position, e.stream_version, e.type, e.occurred_at, e.recorded_at
  FROM runfold.streams s
 CROSS JOIN LATERAL (SELECT x.*
                       FROM runfold.events x
                      WHERE x.stream_id = s.stream_id AND x.position BETWEEN s.first_position AND s.last_position
                        AND x.position > %(position)s AND x.stream_version BETWEEN 0 AND 9223372036854775807
                        AND (%(types)s::text[] IS NULL OR x.type = ANY (%(types)s))
                      ORDER BY x.position
                      LIMIT %(limit)s) AS e
 WHERE s.stream_id = %(stream)s
 ORDER BY e.position

-- name: events_in_scope
-- The events of a group up to a position, in order, with their types, streams and tenants. Parameters: types (text[]),
-- upto, and those of the condition and of the relation of events that the caller puts in.
SELECT e.position, e.type, e.stream_id, e.user_id::text
  FROM {events} e
 WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s) AND {streams}
 ORDER BY e.position

-- name: execution
-- All columns of one execution. Parameters: execution_id.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT x.*, w.name AS workflow
  FROM {tables}.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.execution_id = %(execution_id)s

-- name: execution_attempts
-- The attempts of an execution's nodes, oldest first. They come from the log, because a row keeps only the last attempt,
-- and end at the last event that was folded into the row. None of an execution that is archived. Parameters: execution_id, limit.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT n.activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream(runfold.stream_id('execution', %(execution_id)s::text), runfold.archived_version(runfold.stream_id('execution', %(execution_id)s::text))) AS e
  JOIN {tables}.node_executions n
    ON n.execution_id = %(execution_id)s AND n.activation = e.data ->> 'activation' AND n.last_event_position >= e.position
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed')
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = 'execution' AND d.position = e.position)
 ORDER BY e.stream_version
 LIMIT %(limit)s

-- name: execution_children
-- The children of an execution, oldest first. Parameters: execution_id, limit.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.user_id, x.status, x.start_time, x.end_time, x.duration_ms,
       x.error_message, x.created_at
  FROM {tables}.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.parent_execution_id = %(execution_id)s
 ORDER BY x.created_at, x.id
 LIMIT %(limit)s

-- name: execution_logs
-- The last log lines of an execution that have not expired, oldest first. Parameters: execution_id, table (its name in the retention), limit.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT * FROM (
    SELECT l.created_at, l.level, l.event_type, l.node_id, l.message, l.user_friendly_message, l.last_event_position
      FROM {tables}.workflow_execution_logs l
     WHERE l.execution_id = %(execution_id)s
       AND l.created_at >= (SELECT runfold.cutoff_of(%(table)s))
     ORDER BY l.created_at DESC, l.last_event_position DESC
     LIMIT %(limit)s) AS newest
 ORDER BY created_at, last_event_position

-- name: execution_nodes
-- The activations of an execution in the order of their creation. Parameters: execution_id.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT n.* FROM {tables}.node_executions n
 WHERE n.execution_id = %(execution_id)s
 ORDER BY n.created_at, n.start_time NULLS LAST, n.activation COLLATE "C"

-- name: execution_pauses
-- The pauses of an execution in the order in which they were opened. Parameters: execution_row (uuid).
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT p.* FROM {tables}.workflow_execution_pauses p
 WHERE p.execution_id = %(execution_row)s
 ORDER BY p.paused_at, p.name COLLATE "C"

-- name: execution_reasons
-- The events of an execution that say who or why: ends, skips, pauses. Parameters: execution_id, upto (null: all), limit.
SELECT e.stream_version, e.position, e.type, e.occurred_at, e.data ->> 'activation' AS activation, e.data ->> 'pause' AS pause,
       e.data ->> 'by' AS by, coalesce(e.data ->> 'reason', e.data ->> 'resume_trigger', e.data ->> 'action') AS reason,
       e.data -> 'data' AS data
  FROM runfold.read_stream(runfold.stream_id('execution', %(execution_id)s::text), runfold.archived_version(runfold.stream_id('execution', %(execution_id)s::text))) AS e
 WHERE e.data ?| '{reason,by,resume_trigger,action}' AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
 ORDER BY e.stream_version
 LIMIT %(limit)s

-- name: first_recorded
-- The time at which the log's first event was recorded; no row for an empty log. No parameters.
SELECT e.recorded_at FROM runfold.events e ORDER BY e.position LIMIT 1

-- name: group_lag
-- The lag of a group: its events between two positions, counted to a limit, and the age of the first of them.
-- Parameters: after (the checkpoint), upto, types (text[]), most.
SELECT count(*) AS lag_events, coalesce(extract(epoch FROM clock_timestamp() - min(b.recorded_at)), 0)::double precision AS lag_seconds
  FROM (SELECT e.recorded_at FROM runfold.events e
         WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
         ORDER BY e.position LIMIT %(most)s) AS b

-- name: group_states
-- Where each of these groups is, since when it has not moved, and why; a group without a checkpoint is at 0.
-- Parameters: groups (text[]).
SELECT g.name AS "group", coalesce(c.position, 0) AS checkpoint, c.moved_at, c.stopped_error, c.retried_error, c.retried_since,
       extract(epoch FROM clock_timestamp() - c.moved_at)::double precision AS unmoved_seconds,
       (SELECT count(*) FROM runfold.parked_streams p WHERE p.group_name = g.name) AS parked
  FROM unnest(%(groups)s::text[]) WITH ORDINALITY AS g (name, n)
  LEFT JOIN runfold.checkpoints c ON c.group_name = g.name
 ORDER BY g.n

-- name: head_holders
-- The open appends that hold the safe head back, lowest bound first.
SELECT bound, pid, prepared_gid, application_name, state, since FROM runfold.head_holders() LIMIT 10

-- name: history
-- The events of a stream that are in the log, oldest first. Parameters: stream, limit.
SELECT e.stream_version, e.position, e.type, e.occurred_at, e.data
  FROM runfold.read_stream(%(stream)s::text, runfold.archived_version(%(stream)s::text)) AS e
 ORDER BY e.stream_version
 LIMIT %(limit)s

-- name: interaction
-- All columns of an interaction. Parameters: id.
SELECT i.*, x.execution_id AS execution, w.name AS workflow
  FROM public.human_interactions i
  LEFT JOIN public.workflows w ON w.id = i.workflow_id
  LEFT JOIN public.workflow_executions x ON x.id = i.execution_id
 WHERE i.id = %(id)s::uuid

-- name: known_streams
-- Those of these streams that exist. Parameters: streams (text[]), tenant (null: any).
SELECT s.stream_id
  FROM runfold.streams s
 WHERE s.stream_id = ANY (%(streams)s) AND (%(tenant)s::uuid IS NULL OR s.user_id = %(tenant)s)
 ORDER BY s.stream_id

-- name: parked_streams
-- Parked streams, newest first, with the error and the number of events behind the poison event.
-- Parameters: groups (jsonb: name -> event types; for a group that is not in it, every event counts), stream (null: any).
SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error, p.parked_at,
       (SELECT count(*)
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = p.stream_id AND e.position > p.position AND e.stream_version BETWEEN 0 AND 9223372036854775807
           AND coalesce(%(groups)s::jsonb -> p.group_name ? e.type, true)) AS waiting
  FROM runfold.parked_streams p
 WHERE %(stream)s::text IS NULL OR p.stream_id = %(stream)s
 ORDER BY p.parked_at DESC, p.group_name, p.stream_id

-- name: parked_until
-- The streams of these groups that are parked at or before a position.
-- Parameters: groups (text[]), streams (text[], null: any), tenant (null: any), upto.
SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error, p.parked_at
  FROM runfold.parked_streams p
 WHERE p.group_name = ANY (%(groups)s) AND (%(streams)s::text[] IS NULL OR p.stream_id = ANY (%(streams)s)) AND p.position <= %(upto)s
   AND (%(tenant)s::uuid IS NULL
        OR EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = p.stream_id AND s.user_id = %(tenant)s))
 ORDER BY p.group_name, p.position

-- name: may_read_subscriptions
-- Whether this role may read the subscriptions.
SELECT EXISTS (SELECT
                 FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'runfold' AND c.relname = 'subscriptions' AND has_schema_privilege(n.oid, 'USAGE')
                  AND has_table_privilege(c.oid, 'SELECT'))

-- name: place_subscription
-- Puts a subscription's bookmark at an event, as an operator says; what was noted of its past is forgotten.
-- Parameters: name, to, event_id.
UPDATE runfold.subscriptions s
   SET position = %(to)s, event_id = %(event_id)s, moved_at = clock_timestamp(), server = runfold.server_identity(),
       restored_position = NULL, failed_code = NULL, failed_error = NULL, failed_since = NULL, failed_tries = 0
 WHERE s.name = %(name)s

-- name: position_at
-- The log's last position at a time, 0 before its first event. Parameters: time.
SELECT runfold.position_at(%(time)s)

-- name: projections
-- Each projection's built version and last verification.
SELECT p.name, p.version AS built_version, p.digest, v.position AS verified_position, v.verified_at,
       v.differences AS verified_differences
  FROM runfold.projections p
  LEFT JOIN runfold.verifications v ON v.projection = p.name

-- name: response
-- All columns of a response. Parameters: id.
SELECT r.*, w.name AS workflow
  FROM public.hil_responses r
  LEFT JOIN public.workflows w ON w.id = r.workflow_id
 WHERE r.id = %(id)s::uuid

-- name: slow_deployments
-- Deployments in progress without an event for so long, the longest first.
-- Parameters: idle (seconds), limit.
SELECT d.workflow_id, w.name AS workflow, d.deployment_id, d.deployment_action, d.to_status AS status, d.deployment_version,
       d.started_at, e.recorded_at AS last_seen, extract(epoch FROM clock_timestamp() - e.recorded_at)::float8 AS idle_seconds
  FROM public.workflow_deployment_history d
  LEFT JOIN public.workflows w ON w.id = d.workflow_id
  JOIN runfold.events e ON e.position = d.last_event_position
 WHERE d.completed_at IS NULL AND e.recorded_at <= clock_timestamp() - make_interval(secs => %(idle)s)
   AND NOT EXISTS (SELECT FROM runfold.read_stream('deployment-' || d.workflow_id) AS r
                    WHERE r.type IN ('DeploymentCompleted', 'DeploymentFailed')
                      AND lower(r.data ->> 'deployment_id') = d.deployment_id::text)
 ORDER BY e.recorded_at, d.id
 LIMIT %(limit)s

-- name: stale_copies
-- The copies of workflow_status in workflows that are still to be made: how many, and those that failed, the longest first.
-- Parameters: limit.
SELECT (SELECT count(DISTINCT s.workflow_id) FROM runfold.stale_workflows s) AS waiting,
       coalesce((SELECT jsonb_agg(to_jsonb(f) ORDER BY f.since)
                   FROM (SELECT s.workflow_id, min(s.noted_at) AS since, max(s.tries) AS tries, max(s.sqlstate) AS sqlstate,
                                max(s.error) AS error
                           FROM runfold.stale_workflows s WHERE s.tries > 0
                          GROUP BY s.workflow_id ORDER BY 2 LIMIT %(limit)s) AS f), '[]') AS failing

-- name: stream_at
-- The stream of the event at a position. Parameters: position.
SELECT stream_id FROM runfold.events WHERE position = %(position)s

-- name: streams_that_begin
-- The first streams whose names begin so, in the order of the names. Parameters: beginning, limit.
SELECT s.stream_id
  FROM runfold.streams s
 WHERE s.stream_id >= %(beginning)s::text AND s.stream_id < %(beginning)s::text || chr(1114111)
 ORDER BY s.stream_id
 LIMIT %(limit)s

-- name: subscription_target
-- Where a subscription is, the last event up to a position (null: the safe head), the safe head, and the events between.
-- Parameters: name, to, counted (the most events that are counted).
SELECT s.position, coalesce(e.position, 0), e.event_id, head.position,
       (SELECT count(*) FROM (SELECT FROM runfold.events x
                               WHERE x.position > least(s.position, coalesce(e.position, 0))
                                 AND x.position <= greatest(s.position, coalesce(e.position, 0))
                               LIMIT %(counted)s) AS between_them)
  FROM (SELECT runfold.safe_head() AS position OFFSET 0) AS head
 CROSS JOIN runfold.subscriptions s
  LEFT JOIN LATERAL (SELECT x.position, x.event_id
                       FROM runfold.events x
                      WHERE x.position <= least(head.position, %(to)s::bigint)
                      ORDER BY x.position DESC
                      LIMIT 1) AS e ON true
 WHERE s.name = %(name)s

-- name: tail_log
-- The events after a position, never past the safe head. Parameters: after, limit, archived ('skip', or null).
SELECT position, stream_id, stream_version, event_id, type, user_id, data, metadata, occurred_at, recorded_at
  FROM runfold.read_all(%(after)s, %(limit)s, archived => %(archived)s)

-- name: tail_stream
-- A stream's events after a version. Parameters: stream, after, limit.
SELECT position, stream_id, stream_version, event_id, type, user_id, data, metadata, occurred_at, recorded_at
  FROM runfold.read_stream(%(stream)s, %(after)s, %(limit)s)

-- name: try_subscription
-- Takes the lock of a subscription to the end of the transaction; false while a consumer has it. Parameters: name.
SELECT pg_try_advisory_xact_lock(runfold.subscription_lock(%(name)s))

-- name: types_of_streams
-- The event types of some streams up to a position. The reader puts in the relation of their events. Parameters: upto, and
-- what the relation names.
SELECT DISTINCT e.type FROM {events} AS e WHERE e.position <= %(upto)s

-- name: workflows_that_begin
-- The first workflows between two ids: those that people have, and those that have had executions or deployments.
-- Parameters: least, greatest, limit.
(SELECT w.id FROM public.workflows w WHERE w.id BETWEEN %(least)s AND %(greatest)s ORDER BY w.id LIMIT %(limit)s)
UNION
(SELECT s.workflow_id FROM public.workflow_status s
  WHERE s.workflow_id BETWEEN %(least)s AND %(greatest)s ORDER BY s.workflow_id LIMIT %(limit)s)
ORDER BY 1
LIMIT %(limit)s

-- name: limit_locks
-- Lets no statement of the session wait for a lock longer than a second.
SET lock_timeout = '1s'

-- name: unmoved_bookmarks
-- As advice: the subscriptions that have not moved for 30 days, with events behind their bookmark.
SELECT 'unmoved bookmark', s.name, format('it has not moved since %s, and events are behind it: start its consumer, or'
       ' `runfold subscription drop`', (s.moved_at AT TIME ZONE 'UTC')::date), NULL, false
  FROM runfold.subscriptions s
 WHERE s.moved_at < clock_timestamp() - interval '30 days' AND EXISTS (SELECT FROM runfold.events e WHERE e.position > s.position)
 ORDER BY s.name

-- name: outline_execution
-- One execution without what may be large. Parameters: execution_id.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
SELECT x.id, x.execution_id, x.workflow_id, w.name AS workflow, x.user_id, x.status, x.mode, x.triggered_by, x.trigger_subtype,
       x.parent_execution_id, x.retry_of, x.workflow_version, x.deployment_version, x.start_time, x.end_time, x.duration_ms,
       CASE WHEN octet_length(x.metadata::text) <= 4096 THEN x.metadata ELSE '{}' END AS metadata,
       x.error_message, x.open_pauses, x.first_event_position, x.end_position, x.last_event_position, x.created_at, x.updated_at,
       (SELECT count(*) FROM {tables}.node_executions n WHERE n.execution_id = x.execution_id) AS node_count
  FROM {tables}.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.execution_id = %(execution_id)s

-- name: outline_attempts
-- The attempts of some activations of an execution, oldest first; as execution_attempts.
-- Parameters: execution_id, activations (text[]), limit.
SELECT e.data ->> 'activation' AS activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream(runfold.stream_id('execution', %(execution_id)s::text)) AS e
  JOIN {tables}.node_executions n
    ON n.execution_id = %(execution_id)s AND n.activation = e.data ->> 'activation' AND n.last_event_position >= e.position
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed') AND e.data ->> 'activation' = ANY (%(activations)s::text[])
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = 'execution' AND d.position = e.position)
 ORDER BY e.stream_version
 LIMIT %(limit)s
