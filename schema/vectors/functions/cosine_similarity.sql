-- How similar two vectors are by cosine, from -1 to 1, wherever pgvector's operators are.
--
-- Bound to the operator when it is created, and inlined: queries of one's own tables need no schema of the extension.
--
-- grant: engine, projector, operator, projections, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.cosine_similarity(one vector, other vector) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 - (one <=> other);
