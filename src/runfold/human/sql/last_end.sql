-- last_end: when the log recorded the end of the last interaction that has ended on a channel of a workflow, as far as it is folded.
-- Parameters: workflow, channel.
SELECT e.recorded_at
  FROM public.human_interactions h
  JOIN runfold.events e ON e.position = h.last_event_position
 WHERE h.workflow_id = %(workflow)s AND h.channel_type = %(channel)s AND h.status IN ('responded', 'timeout', 'cancelled')
 ORDER BY h.last_event_position DESC
 LIMIT 1
