-- Where events of the archive come in before they are compared with what left, and put back into the log.
CREATE UNLOGGED TABLE runfold.restored_events (
    position bigint NOT NULL,
    append_end bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    stream_version bigint NOT NULL,
    event_id uuid NOT NULL,
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    user_id uuid,
    data jsonb,
    payload bytea,
    metadata jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT restored_events_pkey PRIMARY KEY (position)
);

COMMENT ON TABLE runfold.restored_events IS 'Events of the archive on their way back into the log: `runfold archive restore`.';

GRANT INSERT ON runfold.restored_events TO runfold_operator;
