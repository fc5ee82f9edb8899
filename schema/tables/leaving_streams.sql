-- The streams that leave the log next, with what was true of them when they were chosen. The swap looks again.
CREATE UNLOGGED TABLE runfold.leaving_streams (
    stream_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT leaving_streams_pkey PRIMARY KEY (stream_id)
);

COMMENT ON TABLE runfold.leaving_streams IS 'The streams that leave the log in the archive''s next swap.';
COMMENT ON COLUMN runfold.leaving_streams.digest IS 'SHA-256 over the leaves of its events in their order: runfold.event_leaf.';

GRANT SELECT ON runfold.leaving_streams TO runfold_projector, runfold_operator;
