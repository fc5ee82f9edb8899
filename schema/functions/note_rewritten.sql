-- Enters the file that was written in place of a segment's, without the data of erased tenants; the digest must be the same.
--
-- grant: operator
CREATE FUNCTION runfold.note_rewritten(from_position bigint, file text, sha256 bytea, bytes bigint, digest bytea, erased jsonb)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.archives a SET file = file, sha256 = sha256, bytes = bytes, erased = erased
     WHERE a.from_position = from_position AND a.digest = digest;
    RETURN FOUND;
END
$$;
