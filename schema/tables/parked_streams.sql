CREATE TABLE runfold.parked_streams (
    group_name text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT parked_streams_pkey PRIMARY KEY (group_name, stream_id)
);

COMMENT ON TABLE runfold.parked_streams IS
    'Streams with an event that cannot be folded: from that position on their events wait, everything else flows.';

GRANT SELECT ON runfold.parked_streams TO runfold_engine, runfold_projections, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.parked_streams TO runfold_projector, runfold_operator;
