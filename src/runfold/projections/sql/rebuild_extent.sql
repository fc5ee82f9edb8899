-- rebuild_extent: how many events of each type there are to fold. It aggregates without DISTINCT, so that it can be done in parallel.
-- Parameters: upto.
SELECT e.type, count(*) FROM runfold.events e WHERE e.position <= %(upto)s GROUP BY e.type
