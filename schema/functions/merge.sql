-- Concatenation of objects in their order: of each key the last.
--
-- "The last given" of every field at once. Strict, so that it is fed ordered, stripped objects.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE AGGREGATE runfold.merge(jsonb) (SFUNC = pg_catalog.jsonb_concat, STYPE = jsonb);
