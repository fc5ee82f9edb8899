CREATE TABLE runfold.streams (
    stream_id text COLLATE "C" PRIMARY KEY,
    user_id uuid,
    version bigint NOT NULL,
    first_position bigint,
    last_position bigint
) WITH (fillfactor = 70);

COMMENT ON TABLE runfold.streams IS 'One row a stream; its row lock is the optimistic concurrency check.';

GRANT SELECT ON runfold.streams TO runfold_engine, runfold_projector, runfold_operator, service_role;
