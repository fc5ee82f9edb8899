-- What a person typed, as a query: words, "a phrase", -without, or, and beginnings of words as `begin*`.
--
-- websearch_to_tsquery knows no beginnings: they are taken out of what is not quoted, and are required in addition.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.text_query(language text, typed text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT websearch_to_tsquery(runfold.text_configuration(language),
                                regexp_replace(typed, '("[^"]*"?)|(?<!\S)-?[[:alnum:]_]+\*(?!\S)', '\1', 'g'))
           && coalesce((SELECT to_tsquery('simple', string_agg(
                                   CASE p.part[1] WHEN '-' THEN '!' ELSE '' END || lower(p.part[2]) || ':*', ' & '))
                          FROM regexp_matches(regexp_replace(typed, '"[^"]*"?', ' ', 'g'),
                                              '(?<!\S)(-?)([[:alnum:]_]+)\*(?!\S)', 'g') AS p (part)), ''::tsquery)
$$;
