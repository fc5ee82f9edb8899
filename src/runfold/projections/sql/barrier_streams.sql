-- The streams whose barriers may concern the rows of some streams: the tenant's by the row of the stream, others by a field of its
-- events. A log stream has the fields of its execution. Only streams that exist are returned for tenants.
-- Parameters: streams (text[]), upto (a position; null: any), prefixes and columns (text[]) of the barriers' streams.
SELECT t.stream_id
  FROM (SELECT DISTINCT s.user_id FROM runfold.streams s WHERE s.stream_id = ANY (%(streams)s::text[]) AND s.user_id IS NOT NULL) AS u
 CROSS JOIN unnest(%(prefixes)s::text[], %(columns)s::text[]) AS b (prefix, name)
  JOIN runfold.streams t ON t.stream_id = (b.prefix || u.user_id::text) COLLATE "C"
 WHERE b.name = 'user_id'
 UNION
SELECT DISTINCT b.prefix || lower(e.data ->> b.name COLLATE "C")
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 CROSS JOIN unnest(%(prefixes)s::text[], %(columns)s::text[]) AS b (prefix, name)
 WHERE b.name <> 'user_id' AND e.data ->> b.name IS NOT NULL
   AND s.stream_id = ANY (%(streams)s::text[]
                          || ARRAY(SELECT 'execution-' || substr(s.name, 5)
                                     FROM unnest(%(streams)s::text[]) AS s (name)
                                    WHERE s.name LIKE 'log-%%'))
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s) AND e.stream_version BETWEEN 0 AND 9223372036854775807
