-- held: what the tables hold, by what the engine counted itself.
SELECT (SELECT count(*) FROM runfold.events) AS "events",
       (SELECT count(*) FROM workflow_executions) AS "executions created",
       (SELECT count(*) FROM node_executions WHERE status = 'SUCCESS') AS "activations succeeded",
       (SELECT sum(retry_count) FROM node_executions) AS "attempts repeated",
       (SELECT count(*) FROM workflow_execution_pauses WHERE status = 'resumed') AS "pauses resumed",
       (SELECT count(*) FROM workflow_execution_logs) AS "log lines written",
       (SELECT count(*) FROM human_interactions WHERE status = 'responded') AS "questions answered",
       (SELECT count(*) FROM workflow_deployment_history WHERE to_status = 'DEPLOYED') AS "deployments completed"
