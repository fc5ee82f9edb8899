-- record_sample: notes up to which position some streams of a projection were verified, and what was found.
-- Parameters: projection, position, streams, differences.
INSERT INTO runfold.sample_verifications AS v (projection, position, streams, differences)
VALUES (%(projection)s, %(position)s, %(streams)s, %(differences)s)
    ON CONFLICT (projection) DO UPDATE
   SET position = excluded.position, streams = excluded.streams, differences = excluded.differences,
       verified_at = clock_timestamp()
