-- Segments of the log whose events are in files outside the database. A segment is one partition's positions, and its file
-- holds all of its events, for ever: streams leave the log one after the other, and no file is ever written a second time.
CREATE TABLE runfold.archives (
    from_position bigint NOT NULL,
    to_position bigint NOT NULL,
    file text NOT NULL,
    sha256 bytea NOT NULL,
    bytes bigint NOT NULL,
    events bigint NOT NULL,
    digest bytea NOT NULL,
    seal jsonb,
    schema_version text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text COLLATE "C" NOT NULL DEFAULT 'written',
    swapped_at timestamptz,
    left_events bigint NOT NULL DEFAULT 0,
    left_streams bigint NOT NULL DEFAULT 0,
    erased jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT archives_pkey PRIMARY KEY (from_position),
    CONSTRAINT archives_file_is_of_one_segment UNIQUE (file),
    CONSTRAINT archives_file_is_a_name CHECK (file <> '' AND strpos(file, '/') = 0),
    CONSTRAINT archives_end_after_their_start CHECK (from_position > 0 AND to_position >= from_position),
    CONSTRAINT archives_sha256_has_32_bytes CHECK (octet_length(sha256) = 32),
    CONSTRAINT archives_digest_has_32_bytes CHECK (octet_length(digest) = 32),
    CONSTRAINT archives_bytes_are_counted CHECK (bytes > 0),
    CONSTRAINT archives_events_fit CHECK (events BETWEEN 0 AND to_position - from_position + 1),
    CONSTRAINT archives_state_is_known CHECK (state IN ('written', 'archived', 'restored')),
    CONSTRAINT archives_left_events_fit CHECK (left_events BETWEEN 0 AND events),
    CONSTRAINT archives_left_streams_fit CHECK (left_streams BETWEEN 0 AND left_events),
    CONSTRAINT archives_say_what_left CHECK ((state = 'archived') = (left_events > 0)),
    CONSTRAINT archives_erased_is_an_array CHECK (jsonb_typeof(erased) = 'array')
);

COMMENT ON TABLE runfold.archives IS 'Segments of the log that are written to files, and what of them left the log.';
COMMENT ON COLUMN runfold.archives.from_position IS 'The first position of the segment.';
COMMENT ON COLUMN runfold.archives.to_position IS 'The last position of the segment.';
COMMENT ON COLUMN runfold.archives.file IS 'The name of the Parquet file in the archive''s folder; its manifest is beside it.';
COMMENT ON COLUMN runfold.archives.bytes IS 'The size of the file.';
COMMENT ON COLUMN runfold.archives.events IS 'The events in the file: all of the segment, those that stay in the log, too.';
COMMENT ON COLUMN runfold.archives.digest IS 'The digest of these events: sha256 over the hashes of their records, in order.';
COMMENT ON COLUMN runfold.archives.seal IS 'The last seal of the segment when the file was written; NULL: it was not sealed.';
COMMENT ON COLUMN runfold.archives.schema_version IS 'The schema version of the database that wrote the file.';
COMMENT ON COLUMN runfold.archives.state IS
    'written: the log still holds everything; archived: some streams left; restored: they are all back.';
COMMENT ON COLUMN runfold.archives.swapped_at IS 'When streams left last; NULL: none did.';
COMMENT ON COLUMN runfold.archives.left_events IS 'The events that are in the file only.';
COMMENT ON COLUMN runfold.archives.left_streams IS 'The streams that have such events.';
COMMENT ON COLUMN runfold.archives.erased IS 'The tenants whose events the file holds as hashes only.';

GRANT SELECT ON runfold.archives TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;
