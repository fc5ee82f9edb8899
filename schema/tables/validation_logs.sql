-- What was found wrong, wherever it was: events that the vocabulary does not allow at their place, and streams that wait.
CREATE VIEW public.validation_logs WITH (security_invoker = true) AS
    SELECT 'anomaly' AS kind, a.stream_id AS subject, a.user_id, a.code, e.recorded_at AS found_at, a.position,
           a.projection AS found_by, a.detail
      FROM runfold.anomalies a
      LEFT JOIN runfold.events e ON e.position = a.position
    UNION ALL
    SELECT 'parked_stream', p.stream_id, s.user_id, p.sqlstate, p.parked_at, p.position, p.group_name,
           jsonb_build_object('error', p.error)
      FROM runfold.parked_streams p
      LEFT JOIN runfold.streams s ON s.stream_id = p.stream_id;

COMMENT ON VIEW public.validation_logs IS
    'What was found wrong: anomalies, parked streams and credentials that are not valid. For operators.';

GRANT SELECT ON public.validation_logs TO runfold_operator, runfold_reader, service_role;
