-- built: notes the version a table was built with by a rebuild.
-- Parameters: name, group, version, digest.
INSERT INTO runfold.projections AS p (name, group_name, version, digest)
VALUES (%(name)s, %(group)s, %(version)s, %(digest)s)
    ON CONFLICT (name) DO UPDATE
   SET group_name = excluded.group_name, version = excluded.version, digest = excluded.digest, built_at = clock_timestamp()
