-- The sum of lists of durations, part by part; NULL without any.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE AGGREGATE runfold.sum_durations(bigint[]) (SFUNC = runfold.add_durations, STYPE = bigint[], PARALLEL = SAFE);
