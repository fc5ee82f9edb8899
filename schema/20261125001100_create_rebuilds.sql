-- migrate:up

-- What a rebuild knows while it runs. Its shadows are tables of a schema that nobody reads. They and this state are unlogged:
-- a crash of the server empties both together, so what is noted as done is always there.

CREATE SCHEMA IF NOT EXISTS runfold_shadow;
COMMENT ON SCHEMA runfold_shadow IS 'Tables that a rebuild folds the log into, before it compares them with the live ones.';

CREATE UNLOGGED TABLE runfold.rebuilds (
    group_name text PRIMARY KEY,
    digest text NOT NULL,
    position bigint NOT NULL,
    slices integer NOT NULL,
    events bigint NOT NULL,
    folded boolean NOT NULL DEFAULT false,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE runfold.rebuilds IS 'The rebuild of each group that was begun and has not landed: it resumes from here.';
COMMENT ON COLUMN runfold.rebuilds.digest IS 'What is built, and from which files: another one begins anew.';
COMMENT ON COLUMN runfold.rebuilds.position IS 'The position that the shadows are folded up to, once all slices are done.';
COMMENT ON COLUMN runfold.rebuilds.folded IS 'Whether all slices are done and the shadows have their keys.';

CREATE UNLOGGED TABLE runfold.rebuild_slices (
    group_name text NOT NULL,
    slice integer NOT NULL,
    CONSTRAINT rebuild_slices_pkey PRIMARY KEY (group_name, slice)
);
COMMENT ON TABLE runfold.rebuild_slices IS 'The slices of a rebuild that are done: noted in the transaction that writes their rows.';

CREATE UNLOGGED TABLE runfold.rebuild_parked (
    group_name text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    found boolean NOT NULL DEFAULT false,
    CONSTRAINT rebuild_parked_pkey PRIMARY KEY (group_name, stream_id)
);
COMMENT ON TABLE runfold.rebuild_parked IS 'The streams that a rebuild leaves out from a position on.';
COMMENT ON COLUMN runfold.rebuild_parked.found IS 'The rebuild could not fold it; otherwise it was parked already.';

-- On a shadow, from the moment it is compared: what a fold touches has to be compared once more.
CREATE FUNCTION runfold.note_touched() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO pg_temp.%I SELECT %s FROM changed', TG_ARGV[0], TG_ARGV[1]);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_touched() IS 'Trigger of a shadow: notes the keys of the rows that a fold touches.';
REVOKE ALL ON FUNCTION runfold.note_touched() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_touched() TO runfold_projector, runfold_operator;

-- Verifications of a sample are told apart from whole ones.
CREATE TABLE runfold.sample_verifications (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    streams bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint NOT NULL
);
COMMENT ON TABLE runfold.sample_verifications IS 'The last verification of each projection that looked at some streams only.';

REVOKE ALL ON SCHEMA runfold_shadow FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA runfold_shadow TO runfold_projector, runfold_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuilds, runfold.rebuild_slices, runfold.rebuild_parked,
    runfold.sample_verifications TO runfold_projector, runfold_operator;
GRANT SELECT ON runfold.sample_verifications TO runfold_engine, service_role;
-- A file that is gone is forgotten, so that its table is built anew when it comes back.
GRANT DELETE ON runfold.projections TO runfold_projector, runfold_operator;
-- Copies of workflow_status that differ are made again.
GRANT INSERT ON runfold.stale_workflows TO runfold_projector, runfold_operator;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001100';

-- migrate:down
