-- register_projection: notes the version a table is built with, where nothing is noted; tells what is noted.
-- Parameters: name, group, version, digest.
INSERT INTO runfold.projections AS p (name, group_name, version, digest)
VALUES (%(name)s, %(group)s, %(version)s, %(digest)s)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING p.version, p.digest, p.group_name
