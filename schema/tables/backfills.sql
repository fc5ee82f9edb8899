-- Changes of rows that follow a migration, in small steps of their own: a migration holds its locks to its end, so it
-- changes no table that grows. The migration enters a row here and makes its functions; `runfold backfill run` runs them.
CREATE TABLE runfold.backfills (
    name text COLLATE "C" NOT NULL,
    about text NOT NULL,
    index_name text COLLATE "C",
    index_definition text,
    since text COLLATE "C" NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reached text,
    changed bigint NOT NULL DEFAULT 0,
    steps bigint NOT NULL DEFAULT 0,
    started_at timestamptz,
    stepped_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT backfills_pkey PRIMARY KEY (name),
    CONSTRAINT name_is_part_of_a_function CHECK (name ~ '^[a-z][a-z0-9_]{0,29}$'),
    CONSTRAINT index_has_name_and_definition CHECK ((index_name IS NULL) = (index_definition IS NULL)),
    CONSTRAINT changed_is_not_negative CHECK (changed >= 0),
    CONSTRAINT steps_are_not_negative CHECK (steps >= 0),
    CONSTRAINT finished_was_started CHECK (finished_at IS NULL OR started_at IS NOT NULL)
);

COMMENT ON TABLE runfold.backfills IS
    'Changes of rows, and indexes, that follow a migration in steps of their own: `runfold backfill list`.';
COMMENT ON COLUMN runfold.backfills.about IS 'What it changes, for people.';
COMMENT ON COLUMN runfold.backfills.index_name IS
    'The index that it builds, with its schema; NULL: it changes rows, by runfold.backfill_<name> and runfold.backfill_<name>_left.';
COMMENT ON COLUMN runfold.backfills.index_definition IS
    'Of a table that is not partitioned: what follows CREATE INDEX CONCURRENTLY. Of a partitioned one the migration makes the index ON ONLY the parent.';
COMMENT ON COLUMN runfold.backfills.since IS 'The version of the migration that entered it.';
COMMENT ON COLUMN runfold.backfills.entered_at IS 'When the migration was applied: since then it is pending.';
COMMENT ON COLUMN runfold.backfills.reached IS 'How far it is, in its own form; NULL: not begun, or at its end.';
COMMENT ON COLUMN runfold.backfills.changed IS 'How many rows, or indexes, it has changed.';
COMMENT ON COLUMN runfold.backfills.finished_at IS 'When it ended; NULL: it is pending.';

GRANT SELECT ON runfold.backfills TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
