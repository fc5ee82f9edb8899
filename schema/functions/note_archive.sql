-- Enters a segment's file, or returns false: the log holds another number of events there than the file.
--
-- The segment is closed, so nothing is added to it, and it is whole: nothing has left it before it has a file.
--
-- grant: projector, operator
CREATE FUNCTION runfold.note_archive(
    from_position bigint, to_position bigint, file text, sha256 bytea, bytes bigint, events bigint, digest bytea, seal jsonb,
    schema_version text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF runfold.safe_head() <= to_position
       OR NOT EXISTS (SELECT FROM runfold.segments() s WHERE s.from_position = from_position AND s.to_position = to_position)
       OR events <> (SELECT count(*) FROM runfold.events e WHERE e.position BETWEEN from_position AND to_position) THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.archives (from_position, to_position, file, sha256, bytes, events, digest, seal, schema_version)
    VALUES (from_position, to_position, file, sha256, bytes, events, digest, seal, schema_version)
        ON CONFLICT ON CONSTRAINT archives_pkey DO UPDATE
       SET file = excluded.file, sha256 = excluded.sha256, bytes = excluded.bytes, events = excluded.events, digest = excluded.digest,
           seal = excluded.seal, schema_version = excluded.schema_version, written_at = clock_timestamp(), erased = '[]'
     WHERE archives.state <> 'archived';
    RETURN FOUND;
END
$$;
