-- Streams are parked: their events wait behind one that could not be folded.
--
-- severity: warning
-- see: how-to/run-the-worker.md
SELECT 'group ' || p.group_name AS object, format('%%s streams are parked, the first of them at %%s', count(*), min(p.position)) AS problem,
       '`runfold parked list`; fix the cause, then `runfold parked retry`' AS remedy
  FROM runfold.parked_streams p
 GROUP BY p.group_name
HAVING count(*) > %(parked_streams)s
