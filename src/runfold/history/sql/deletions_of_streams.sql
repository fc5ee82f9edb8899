-- deletions_of_streams: the deployment streams whose deletions may concern the rows of these streams: those of the workflows that
-- their events name. A log line goes with the workflows that its execution was created for. Parameters: streams (text[]), upto.
SELECT DISTINCT 'deployment-' || lower(e.data ->> 'workflow_id' COLLATE "C")
  FROM runfold.events e
 WHERE e.stream_id = ANY (%(streams)s::text[]
                          || ARRAY(SELECT 'execution-' || substr(s.name, 5)
                                     FROM unnest(%(streams)s::text[]) AS s (name)
                                    WHERE s.name LIKE 'log-%%'))
   AND e.position <= %(upto)s AND e.data ->> 'workflow_id' IS NOT NULL
