-- A new UUID of version 7: it sorts by when it was made.
--
-- PostgreSQL has uuidv7() from 18 on. Like that one, this puts the parts of the millisecond behind it.
-- An id is a name and not a secret: it says when its thing was made.
--
-- grant: operator
CREATE FUNCTION runfold.new_id() RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    -- A random UUID of version 4, whose first 6 bytes become milliseconds, the next two version 7 and 4096ths of one.
    SELECT encode(overlay(uuid_send(gen_random_uuid())
                          PLACING substring(int8send(t.us / 1000), 3) || substring(int8send(28672 + t.us % 1000 * 4096 / 1000), 7)
                          FROM 1), 'hex')::uuid
      FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us OFFSET 0) AS t
$$;
