-- Three texts of a row as words for a search, the first with the greatest weight, the last with the least.
--
-- Only the beginning of a long text is taken: a tsvector ends at 1 MB, and the row would be refused.
--
-- RETURN, and no text: so pg_dump knows what it calls, and restores that before the tables whose columns call it.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.text_vector(language text, name text, details text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setweight(to_tsvector(runfold.text_configuration(language), left(coalesce(name, ''), 1000)), 'A')
           || setweight(to_tsvector(runfold.text_configuration(language), left(coalesce(details, ''), 20000)), 'B')
           || setweight(to_tsvector(runfold.text_configuration(language), left(coalesce(body, ''), 200000)), 'D');
