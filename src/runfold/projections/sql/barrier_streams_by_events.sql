-- As barrier_streams, for the login of users' groups, which may read events but not which streams there are: a tenant's stream
-- is named also where it does not exist. Parameters: those of barrier_streams.
SELECT DISTINCT b.prefix || CASE b.name WHEN 'user_id' THEN e.user_id::text ELSE lower(e.data ->> b.name COLLATE "C") END
  FROM runfold.events e
 CROSS JOIN unnest(%(prefixes)s::text[], %(columns)s::text[]) AS b (prefix, name)
 WHERE e.stream_id = ANY (%(streams)s::text[]
                          || ARRAY(SELECT 'execution-' || substr(s.name, 5)
                                     FROM unnest(%(streams)s::text[]) AS s (name)
                                    WHERE s.name LIKE 'log-%%'))
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s) AND e.stream_version BETWEEN 0 AND 9223372036854775807
   AND CASE b.name WHEN 'user_id' THEN e.user_id::text ELSE e.data ->> b.name END IS NOT NULL
