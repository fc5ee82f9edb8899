-- Whether the text certainly holds no duplicate key and no number that jsonb changes.
--
-- False only sends a call to the exact path. `canonical` is jsonb's own text of it. Every key has
-- its colon: if the text has more colons than jsonb kept, a key came twice (a colon in a string
-- counts on both sides, unless it is escaped). A number is in doubt when it has 19 digits before or
-- 19 zeros behind the point. A regular expression pays for each byte of a text, a path for each
-- value: both find such a number, and jsonb's size, which is three times its text for small
-- integers, tells which one is cheaper.
--
-- The functions of the quick path set no search_path: that costs each call as much as the check,
-- and they run under that of validate_appends. They may raise a data_exception for what is not
-- valid, which validate_appends catches once.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.json_is_exact(appends text, parsed jsonb, canonical text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT octet_length(appends) - octet_length(replace(appends, ':', ''))
           = octet_length(canonical) - octet_length(replace(canonical, ':', ''))
       AND strpos(appends, '\u003') = 0
       AND strpos(canonical, '.0000000000000000000') = 0
       AND CASE WHEN pg_column_size(parsed) < octet_length(canonical) * 6 / 5
                THEN NOT parsed @? 'strict $.** ? (@.abs() >= 1000000000000000000)'
                ELSE canonical !~ '[ \[]-?[0-9]{19}' END
$$;
