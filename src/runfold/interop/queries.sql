-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.

-- name: insert_workflow
-- Inserts the workflow of an imported log, unless it exists: somebody may have edited it since.
--
--   id    uuid, made from the log's name
--   name  the log's name, at most 255 characters
INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at)
SELECT %(id)s::uuid, %(name)s::text, '{}'::jsonb, now.milliseconds, now.milliseconds
  FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now (milliseconds)
    ON CONFLICT (id) DO NOTHING
