-- Some of the last 100,000 events are very large.
--
-- severity: advice
-- reads: runfold.events
-- see: how-to/keep-large-values.md
SELECT 'event at ' || e.position AS object, format('it has %%s bytes, as they are stored', e.bytes) AS problem,
       'keep large values as blobs, which events refer to' AS remedy
  FROM (SELECT x.position, coalesce(pg_column_size(x.data), pg_column_size(x.payload)) AS bytes
          FROM runfold.events x
         ORDER BY x.position DESC
         LIMIT 100000) AS e
 WHERE e.bytes > %(event_bytes)s
 ORDER BY e.position DESC
 LIMIT 10
