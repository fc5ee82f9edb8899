CREATE TABLE runfold.claims (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    claimed_at timestamptz NOT NULL,
    name text,
    CONSTRAINT claims_pkey PRIMARY KEY (kind, key)
);
-- What an event releases is found by its stream.
CREATE INDEX idx_claims_stream ON runfold.claims (stream_id, kind);

COMMENT ON COLUMN runfold.claims.name IS 'What the stream calls the thing claimed, a pause for instance.';
COMMENT ON TABLE runfold.claims IS 'Uniqueness that spans streams, taken and released inside an append.';

GRANT SELECT ON runfold.claims TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
