-- interactions: a page of interactions, the nearest deadline first (timeout_at with nulls last, id).
-- Parameters: status and workflow (null: any), after_time ('-infinity' at first, 'infinity' after a row without deadline),
-- after_id, limit. One branch has the rows with a deadline, the other those without: each reads its own part of the index.
SELECT i.id, i.workflow_id, w.name AS workflow, x.execution_id, i.user_id, i.node_id, i.interaction_type, i.channel_type, i.status,
       i.priority, i.timeout_at, i.request_data, i.response_data, i.responder, i.responded_at, i.error, i.created_at, i.last_event_position
  FROM ((SELECT h.* FROM public.human_interactions h
          WHERE (%(status)s::text IS NULL OR h.status = %(status)s)
            AND (%(workflow)s::uuid IS NULL OR h.workflow_id = %(workflow)s)
            AND h.timeout_at >= %(after_time)s::timestamptz
            AND (h.timeout_at > %(after_time)s::timestamptz OR h.id > %(after_id)s::uuid)
          ORDER BY h.timeout_at, h.id
          LIMIT %(limit)s)
        UNION ALL
        (SELECT h.* FROM public.human_interactions h
          WHERE (%(status)s::text IS NULL OR h.status = %(status)s)
            AND (%(workflow)s::uuid IS NULL OR h.workflow_id = %(workflow)s)
            AND h.timeout_at IS NULL
            AND (%(after_time)s::timestamptz < 'infinity' OR h.id > %(after_id)s::uuid)
          ORDER BY h.id
          LIMIT %(limit)s)) AS i
  LEFT JOIN public.workflows w ON w.id = i.workflow_id
  LEFT JOIN public.workflow_executions x ON x.id = i.execution_id
 ORDER BY i.timeout_at NULLS LAST, i.id
 LIMIT %(limit)s
