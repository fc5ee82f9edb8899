-- rebuild_extent: how much there is to fold: events, barriers among them, and the types that occur.
-- Parameters: upto, types (text[]), barriers (text[]).
SELECT count(*), count(*) FILTER (WHERE e.type = ANY (%(barriers)s)), coalesce(array_agg(DISTINCT e.type), '{}')
  FROM runfold.events e
 WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s)
