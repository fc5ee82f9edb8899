-- Workflows, the last changed first, by keyset (updated_at, id), with the newest version of each definition.
-- Parameters: tenant (null: any), active (null: any), name (a part of it; null: any), after_ms, after_id, limit.
SELECT w.id AS workflow_id, w.user_id, w.name, w.active, coalesce(s.version, 0) AS version,
       (SELECT count(*) FROM public.nodes n WHERE n.workflow_id = w.id) AS nodes, w.deployment_status, w.latest_execution_status,
       to_timestamp(w.updated_at / 1000.0) AS updated_at
  FROM public.workflows w
  LEFT JOIN runfold.streams s ON s.stream_id = 'definition-' || w.id
 WHERE (%(tenant)s::uuid IS NULL OR w.user_id = %(tenant)s)
   AND (%(active)s::boolean IS NULL OR w.active = %(active)s)
   AND (%(name)s::text IS NULL OR strpos(lower(w.name), lower(%(name)s)) > 0)
   AND (%(after_ms)s::bigint IS NULL OR (w.updated_at, w.id) < (%(after_ms)s, %(after_id)s::uuid))
 ORDER BY w.updated_at DESC, w.id DESC
 LIMIT %(limit)s
