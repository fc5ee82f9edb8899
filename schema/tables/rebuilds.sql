CREATE UNLOGGED TABLE runfold.rebuilds (
    group_name text PRIMARY KEY,
    digest text NOT NULL,
    position bigint NOT NULL,
    slices integer NOT NULL,
    tables text[] NOT NULL,
    events bigint NOT NULL,
    folded boolean NOT NULL DEFAULT false,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.rebuilds IS 'The rebuild of each group that was begun and has not landed: it resumes from here.';
COMMENT ON COLUMN runfold.rebuilds.digest IS 'What is built, and from which files: another one begins again.';
COMMENT ON COLUMN runfold.rebuilds.position IS 'The position that the shadows are folded up to, once all slices are done.';
COMMENT ON COLUMN runfold.rebuilds.tables IS 'The names of its shadows.';
COMMENT ON COLUMN runfold.rebuilds.folded IS 'Whether all slices are done and the shadows have their keys.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuilds TO runfold_projector, runfold_operator;
