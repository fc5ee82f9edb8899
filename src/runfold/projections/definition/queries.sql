-- The queries that the header of a projection can name. Each is an index scan in a log of any size: the row of a stream says
-- in which partitions its events are, and the bounds of stream_version leave nothing out, but have the planner take the index of
-- streams also where it has no statistics.
--
-- barriers_affect, affected_by, depends_on: parameters streams (text[]), upto (a position; null: any). Return stream ids.
-- streams_of_row: parameters value (of the table's key, text), upto. Return stream ids.
-- copies: no parameters. Return of each copied value that differs: the row's key, column, copy, truth. Beside it are
-- `repair_<name>`, with the parameter keys (text[]).
-- counts: no parameters. Return the table and the key (jsonb) of each row of counts that differs. Beside it is `repair_<name>`.

-- name: executions_of_deleted_workflows
-- barriers_affect: the executions that the deletions in some deployment streams concern.
SELECT DISTINCT 'execution-' || x.execution_id
  FROM (SELECT e.stream_id, max(e.position) AS position
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = ANY (%(streams)s::text[]) AND e.type = 'WorkflowDeleted'
           AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
           AND e.stream_version BETWEEN 0 AND 9223372036854775807
         GROUP BY e.stream_id) AS d
 CROSS JOIN LATERAL runfold.executions_of(substr(d.stream_id, 12)::uuid, d.position) AS x (execution_id)

-- name: logs_of_deleted_workflows
-- barriers_affect: the logs of the executions that the deletions in some deployment streams concern.
SELECT DISTINCT 'log-' || x.execution_id
  FROM (SELECT e.stream_id, max(e.position) AS position
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = ANY (%(streams)s::text[]) AND e.type = 'WorkflowDeleted'
           AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
           AND e.stream_version BETWEEN 0 AND 9223372036854775807
         GROUP BY e.stream_id) AS d
 CROSS JOIN LATERAL runfold.executions_of(substr(d.stream_id, 12)::uuid, d.position) AS x (execution_id)

-- name: both_streams_of_executions
-- affected_by: of each execution's two streams the other one, since rows of the group `log` are named after the execution.
SELECT CASE WHEN s.id LIKE 'log-%%' THEN 'execution-' || substr(s.id, 5) ELSE 'log-' || substr(s.id, 11) END
  FROM unnest(%(streams)s::text[]) AS s (id)
 WHERE s.id LIKE 'log-%%' OR s.id LIKE 'execution-%%'

-- name: interactions_of_deleted_workflows
-- barriers_affect: the interactions and responses of the workflows that are deleted in some deployment streams.
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.type IN ('InteractionRequested', 'ResponseReceived')
   AND lower(e.data ->> 'workflow_id' COLLATE "C") IN (
       SELECT substr(d.stream_id, 12)
         FROM runfold.streams s
         JOIN runfold.events d ON d.stream_id = s.stream_id AND d.position BETWEEN s.first_position AND s.last_position
        WHERE s.stream_id = ANY (%(streams)s::text[]) AND d.type = 'WorkflowDeleted'
          AND (%(upto)s::bigint IS NULL OR d.position <= %(upto)s)
          AND d.stream_version BETWEEN 0 AND 9223372036854775807)

-- name: executions_of_erased_tenants
-- barriers_affect: the executions of the tenants that are erased in some tenant streams.
SELECT x.stream_id
  FROM unnest(%(streams)s::text[]) AS s (id)
 CROSS JOIN LATERAL runfold.streams_of_tenant(substr(s.id, 8)::uuid, 'execution') AS x (stream_id)
 WHERE s.id LIKE 'tenant-%%'

-- name: logs_of_erased_tenants
-- barriers_affect: the logs of the tenants that are erased in some tenant streams.
SELECT x.stream_id
  FROM unnest(%(streams)s::text[]) AS s (id)
 CROSS JOIN LATERAL runfold.streams_of_tenant(substr(s.id, 8)::uuid, 'log') AS x (stream_id)
 WHERE s.id LIKE 'tenant-%%'

-- name: interactions_of_erased_tenants
-- barriers_affect: the interactions and responses of the tenants that are erased in some tenant streams.
SELECT x.stream_id
  FROM unnest(%(streams)s::text[]) AS s (id)
 CROSS JOIN unnest('{interaction,response}'::text[]) AS c (category)
 CROSS JOIN LATERAL runfold.streams_of_tenant(substr(s.id, 8)::uuid, c.category) AS x (stream_id)
 WHERE s.id LIKE 'tenant-%%'

-- name: deployments_of_erased_tenants
-- barriers_affect: the deployments of the tenants that are erased in some tenant streams.
SELECT x.stream_id
  FROM unnest(%(streams)s::text[]) AS s (id)
 CROSS JOIN LATERAL runfold.streams_of_tenant(substr(s.id, 8)::uuid, 'deployment') AS x (stream_id)
 WHERE s.id LIKE 'tenant-%%'

-- name: workflows_of_executions
-- affected_by: the deployments of the workflows that some executions were created for.
SELECT DISTINCT 'deployment-' || lower(e.data ->> 'workflow_id' COLLATE "C")
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = ANY (%(streams)s::text[]) AND e.type = 'ExecutionCreated' AND e.data ->> 'workflow_id' IS NOT NULL
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
   AND e.stream_version BETWEEN 0 AND 9223372036854775807

-- name: responses_to_interactions
-- affected_by: the responses that were matched to some interactions, rightly or not.
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.category = 'response' AND e.type = 'ResponseMatched'
   AND lower(e.data ->> 'interaction_id' COLLATE "C") = ANY (ARRAY(
       SELECT lower(substr(s.id, 13)) FROM unnest(%(streams)s::text[]) AS s (id) WHERE s.id LIKE 'interaction-%%'))
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)

-- name: interactions_of_responses
-- depends_on: the interactions that some responses were matched to.
SELECT DISTINCT 'interaction-' || lower(e.data ->> 'interaction_id' COLLATE "C")
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = ANY (%(streams)s::text[]) AND e.type = 'ResponseMatched' AND e.data ->> 'interaction_id' IS NOT NULL
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
   AND e.stream_version BETWEEN 0 AND 9223372036854775807

-- name: latest_executions
-- depends_on: of the workflow of each deployment stream the latest execution that has a row, the given ones aside.
-- The past looks for it in the log: see latest_of_workflows in this room's parent.
SELECT 'execution-' || x.execution_id
  FROM unnest(%(streams)s::text[]) AS s (id)
 CROSS JOIN LATERAL (SELECT e.execution_id
                       FROM public.workflow_executions e
                      WHERE e.workflow_id = CASE WHEN runfold.is_uuid(substr(s.id, 12)) THEN substr(s.id, 12)::uuid END
                        AND 'execution-' || e.execution_id <> ALL (%(streams)s)
                      ORDER BY coalesce(runfold.from_epoch_ms(e.start_time), e.created_at) DESC, e.execution_id DESC
                      LIMIT 1) AS x
 WHERE s.id LIKE 'deployment-%%' AND %(upto)s::bigint IS NULL

-- name: streams_of_workflow
-- streams_of_row: a workflow's deployments and everything that was created for it. The value is in lower case.
SELECT 'deployment-' || %(value)s::text
 UNION
SELECT e.stream_id
  FROM runfold.events e
 WHERE e.category = 'execution' AND e.type = 'ExecutionCreated' AND lower(e.data ->> 'workflow_id' COLLATE "C") = %(value)s
   AND e.position <= %(upto)s

-- name: streams_of_response
-- streams_of_row: a response's own stream and those of the interactions it was matched to. The value is in lower case.
SELECT 'response-' || %(value)s::text
 UNION
SELECT 'interaction-' || lower(e.data ->> 'interaction_id' COLLATE "C")
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = 'response-' || %(value)s::text
   AND e.type = 'ResponseMatched' AND e.position <= %(upto)s AND e.stream_version BETWEEN 0 AND 9223372036854775807
   AND e.data ->> 'interaction_id' IS NOT NULL

-- name: workflow_copies
-- copies: the columns of workflows that are copies of workflow_status, where they differ and are not noted as stale.
-- deployed_by may be null where the user is gone.
SELECT w.id::text, n.name, copy.row ->> n.name, truth.row ->> n.name
  FROM public.workflows w
  JOIN public.workflow_status s ON s.workflow_id = w.id
 -- The worker's role may read these columns of workflows and no definitions.
 CROSS JOIN LATERAL (SELECT to_jsonb(c)
                       FROM (SELECT w.latest_execution_id, w.latest_execution_status, w.latest_execution_time, w.deployment_status, w.deployed_at,
                               w.deployed_by, w.undeployed_at, w.deployment_version, w.deployment_config) AS c) AS copy (row)
 CROSS JOIN LATERAL (SELECT to_jsonb(c)
                       FROM (SELECT s.latest_execution_id, s.latest_execution_status, s.latest_execution_time, s.deployment_status, s.deployed_at,
                               s.deployed_by, s.undeployed_at, s.deployment_version, s.deployment_config) AS c) AS truth (row)
 CROSS JOIN LATERAL jsonb_object_keys(truth.row) AS n (name)
 WHERE copy.row ->> n.name IS DISTINCT FROM truth.row ->> n.name
   AND NOT (n.name = 'deployed_by' AND w.deployed_by IS NULL)
   AND NOT EXISTS (SELECT FROM runfold.stale_workflows t WHERE t.workflow_id = w.id)
 ORDER BY w.id, n.name

-- name: repair_workflow_copies
-- Notes the copies of these workflows as stale.
INSERT INTO runfold.stale_workflows (workflow_id) SELECT unnest(%(keys)s::text[])::uuid

-- name: counts_of_rows
-- counts: the counts of executions and activations that are not those of the rows.
SELECT c.table_name, c.key FROM runfold.counts_that_differ() c ORDER BY c.table_name, c.key::text

-- name: repair_counts_of_rows
-- Counts executions and activations again; folds wait meanwhile.
SELECT runfold.count_again()
