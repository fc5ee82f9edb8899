-- Which of the 224 parts of a list of durations a time in milliseconds is in: 8 parts an octave, the last one from 11.6 days on.
--
-- By the bits of an integer: a logarithm would differ between machines.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE FUNCTION runfold.duration_part(ms bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN v.ms < 8 THEN v.ms + 1
                ELSE (v.octave - 2) * 8 + ((v.ms >> (v.octave - 3)) & 7) + 1 END
      FROM (SELECT m.ms, length(ltrim(m.ms::bit(30)::text, '0')) - 1 AS octave
              FROM (SELECT CASE WHEN ms IS NOT NULL THEN least(greatest(ms, 0), 1073741823)::integer END AS ms) AS m) AS v
$$;
