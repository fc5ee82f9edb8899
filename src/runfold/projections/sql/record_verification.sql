-- record_verification: notes up to which position a projection was verified, and what was found.
-- Parameters: projection, position, differences.
INSERT INTO runfold.verifications AS v (projection, position, differences)
VALUES (%(projection)s, %(position)s, %(differences)s)
    ON CONFLICT (projection) DO UPDATE
   SET position = excluded.position, differences = excluded.differences, verified_at = clock_timestamp()
