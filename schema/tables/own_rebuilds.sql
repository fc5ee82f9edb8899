CREATE UNLOGGED TABLE runfold.own_rebuilds (
    group_name text PRIMARY KEY,
    digest text NOT NULL,
    tables text[] NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.own_rebuilds IS 'The rebuild of each user''s group that was begun and has not landed: it resumes from here.';
COMMENT ON COLUMN runfold.own_rebuilds.digest IS 'What is built: the files, the shapes of the tables, and what is left out. Another one begins anew.';
COMMENT ON COLUMN runfold.own_rebuilds.tables IS 'The names of its shadows.';
COMMENT ON COLUMN runfold.own_rebuilds.position IS 'The position that the shadows are folded up to.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.own_rebuilds TO runfold_projector, runfold_operator;
