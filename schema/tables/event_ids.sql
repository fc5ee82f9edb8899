CREATE TABLE runfold.event_ids (
    event_id uuid PRIMARY KEY,
    stream_version bigint NOT NULL
);

COMMENT ON TABLE runfold.event_ids IS
    'Event ids are unique across the log; a unique index on the partitioned events cannot say so.';

GRANT SELECT ON runfold.event_ids TO runfold_operator;
