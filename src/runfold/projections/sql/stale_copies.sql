-- stale_copies: has the copies of workflow_status in workflows made again where they differ. Parameters: workflows (uuid[]).
WITH noted AS (INSERT INTO runfold.stale_workflows (workflow_id) SELECT unnest(%(workflows)s::uuid[]) RETURNING workflow_id)
SELECT count(*) FROM noted
