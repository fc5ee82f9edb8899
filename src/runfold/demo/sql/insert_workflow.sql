-- insert_workflow: a workflow's row, as an editor writes it. Parameters: id (uuid), name, definition (JSON text).
INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at)
SELECT %(id)s, %(name)s, %(definition)s::jsonb, now.milliseconds, now.milliseconds
  FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now (milliseconds)
