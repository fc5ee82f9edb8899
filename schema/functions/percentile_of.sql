-- The duration in milliseconds that a share of a list of durations does not exceed: 0.5 for the median, 0.95 for p95.
--
-- It is the middle of a part, so at most 7 percent off; NULL for a list without durations.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE FUNCTION runfold.percentile_of(durations bigint[], share double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.part_duration(c.part::integer)
      FROM (SELECT d.part, sum(d.count) OVER (ORDER BY d.part) AS upto, sum(d.count) OVER () AS total
              FROM unnest(durations) WITH ORDINALITY AS d (count, part)) AS c
     WHERE c.total > 0 AND c.upto >= greatest(share * c.total, 1)
     ORDER BY c.part
     LIMIT 1
$$;
