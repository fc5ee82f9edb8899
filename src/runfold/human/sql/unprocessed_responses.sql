-- unprocessed_responses: a page of what came in and was not matched yet, the oldest first, by keyset (received_at, id).
-- Parameters: workflow (null: any), after_time, after_id, limit.
SELECT r.id, r.received_at
  FROM public.hil_responses r
 WHERE r.status = 'unprocessed' AND (%(workflow)s::uuid IS NULL OR r.workflow_id = %(workflow)s)
   AND r.received_at >= %(after_time)s::timestamptz
   AND (r.received_at > %(after_time)s::timestamptz OR r.id > %(after_id)s::uuid)
 ORDER BY r.received_at, r.id
 LIMIT %(limit)s
