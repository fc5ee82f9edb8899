-- responses: a page of responses, the unprocessed first, each part newest first (unprocessed, received_at descending, id).
-- Parameters, each but limit may be null: status, workflow, after_open (whether the last row was unprocessed), after_time, after_id,
-- limit. Each branch reads its own part of the index.
SELECT r.id, r.workflow_id, w.name AS workflow, r.user_id, r.source_channel, r.status, r.matched_interaction_id,
       r.ai_relevance_score::float8 AS ai_relevance_score, r.ai_reasoning, r.error, r.raw_payload, r.headers, r.received_at,
       r.processed_at, r.last_event_position
  FROM ((SELECT h.*, 1 AS part FROM public.hil_responses h
          WHERE h.status = 'unprocessed' AND (%(status)s::text IS NULL OR %(status)s = 'unprocessed')
            AND (%(workflow)s::uuid IS NULL OR h.workflow_id = %(workflow)s)
            AND (%(after_open)s::boolean IS NULL
                 OR %(after_open)s AND h.received_at <= %(after_time)s::timestamptz
                    AND (h.received_at < %(after_time)s OR h.id > %(after_id)s::uuid))
          ORDER BY h.received_at DESC, h.id
          LIMIT %(limit)s)
        UNION ALL
        (SELECT h.*, 2 AS part FROM public.hil_responses h
          WHERE h.status <> 'unprocessed' AND (%(status)s::text IS NULL OR h.status = %(status)s)
            AND (%(workflow)s::uuid IS NULL OR h.workflow_id = %(workflow)s)
            AND (%(after_open)s::boolean IS NOT FALSE
                 OR h.received_at <= %(after_time)s::timestamptz
                    AND (h.received_at < %(after_time)s OR h.id > %(after_id)s::uuid))
          ORDER BY h.received_at DESC, h.id
          LIMIT %(limit)s)) AS r
  LEFT JOIN public.workflows w ON w.id = r.workflow_id
 ORDER BY r.part, r.received_at DESC, r.id
 LIMIT %(limit)s
