CREATE TABLE runfold.streams (
    stream_id text COLLATE "C" PRIMARY KEY,
    user_id uuid,
    version bigint NOT NULL,
    first_position bigint,
    last_position bigint,
    archived_at timestamptz,
    archived_version bigint,
    archived_digest bytea,
    CONSTRAINT archived_streams_have_a_version CHECK ((archived_at IS NULL) = (archived_version IS NULL)),
    CONSTRAINT archived_streams_have_a_digest CHECK ((archived_at IS NULL) = (archived_digest IS NULL))
) WITH (fillfactor = 70);

-- A tenant's streams. It never changes, so that an append's update of the row stays HOT.
CREATE INDEX idx_streams_user_id ON runfold.streams (user_id) WHERE user_id IS NOT NULL;

COMMENT ON TABLE runfold.streams IS 'One row a stream; its row lock is the optimistic concurrency check.';
COMMENT ON COLUMN runfold.streams.archived_at IS 'When its events left the log for the archive; NULL: they are in the log.';
COMMENT ON COLUMN runfold.streams.archived_version IS 'The version up to which they left; what was appended since then is in the log.';
COMMENT ON COLUMN runfold.streams.archived_digest IS
    'SHA-256 over the leaves of the events that left: nothing else is ever restored in their place.';

ALTER TABLE runfold.streams ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.streams FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.streams FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.streams
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
