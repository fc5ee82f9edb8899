CREATE TABLE runfold.published_head (
    singleton boolean PRIMARY KEY DEFAULT true,
    position bigint NOT NULL,
    published_at timestamptz NOT NULL,
    CONSTRAINT published_head_is_one_row CHECK (singleton)
);
INSERT INTO runfold.published_head (position, published_at) VALUES (0, clock_timestamp());

COMMENT ON TABLE runfold.published_head IS
    'The safe head as the worker saw it last, for readers on a replica, which cannot see the primary''s locks.';

GRANT SELECT ON runfold.published_head TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.published_head TO runfold_projector, runfold_operator;
