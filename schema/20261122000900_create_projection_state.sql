-- migrate:up

-- What the worker knows: how far each group is, who leads, which streams are parked, what was verified.

CREATE TABLE runfold.checkpoints (
    group_name text PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    moved_at timestamptz,
    stopped_sqlstate text,
    stopped_error text,
    stopped_at timestamptz
);
COMMENT ON TABLE runfold.checkpoints IS
    'How far each group of projections has folded the log; moved in the transaction that writes the rows.';
COMMENT ON COLUMN runfold.checkpoints.stopped_error IS 'Why the group waits for an operator; NULL: it does not.';

CREATE TABLE runfold.projections (
    name text PRIMARY KEY,
    group_name text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    built_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE runfold.projections IS 'The version of the file each read table was built with.';

CREATE TABLE runfold.leader (
    singleton boolean PRIMARY KEY DEFAULT true,
    epoch bigint NOT NULL DEFAULT 0,
    beat bigint NOT NULL DEFAULT 0,
    worker text,
    backends jsonb NOT NULL DEFAULT '[]',
    led_since timestamptz,
    beat_at timestamptz,
    CONSTRAINT leader_is_one_row CHECK (singleton)
);
INSERT INTO runfold.leader DEFAULT VALUES;
COMMENT ON TABLE runfold.leader IS 'The worker that leads, by epoch; `beat` grows while it lives, so no clock is compared.';
COMMENT ON COLUMN runfold.leader.backends IS 'Its connections, [pid, backend_start], which a successor terminates.';

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
    'Streams with an event that can not be folded: from that position on their events wait, everything else flows.';

CREATE TABLE runfold.verifications (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint NOT NULL
);
COMMENT ON TABLE runfold.verifications IS 'The last verification of each projection.';

-- workflows is edited by users and keeps a copy of workflow_status. No edit may stop the projection, so the copy never waits
-- for a lock: what is locked, or not yet committed, is remembered here and copied later.
CREATE TABLE runfold.stale_workflows (
    workflow_id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE runfold.stale_workflows IS 'Workflows whose copy of workflow_status is to be made again.';

CREATE FUNCTION runfold.keep_log_columns() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    truth public.workflow_status;
BEGIN
    SELECT * INTO truth FROM public.workflow_status s WHERE s.workflow_id = NEW.id;
    NEW.latest_execution_id := truth.latest_execution_id;
    NEW.latest_execution_status := coalesce(truth.latest_execution_status, 'IDLE');
    NEW.latest_execution_time := truth.latest_execution_time;
    NEW.deployment_status := coalesce(truth.deployment_status, 'IDLE');
    NEW.deployed_at := truth.deployed_at;
    -- A user may be gone, and the foreign key of workflows must not stop the projection.
    NEW.deployed_by := (SELECT u.id FROM auth.users u WHERE u.id = truth.deployed_by);
    NEW.undeployed_at := truth.undeployed_at;
    NEW.deployment_version := coalesce(truth.deployment_version, 1);
    NEW.deployment_config := coalesce(truth.deployment_config, '{}');
    RETURN NEW;
END
$$;
CREATE TRIGGER log_columns_are_kept BEFORE INSERT OR UPDATE ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.keep_log_columns();

-- A status that changes while a workflow's insert is open is not seen by either side: look again when it is committed.
CREATE FUNCTION runfold.note_new_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.stale_workflows (workflow_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER new_workflows_are_synced_again AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_new_workflow();

CREATE FUNCTION runfold.copy_status_to_workflows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH free AS (
        SELECT w.id FROM public.workflows w JOIN changed c ON c.workflow_id = w.id FOR NO KEY UPDATE OF w SKIP LOCKED
    ), copied AS (
        UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id FROM free WHERE w.id = free.id RETURNING w.id
    )
    INSERT INTO runfold.stale_workflows (workflow_id)
    SELECT w.id FROM public.workflows w JOIN changed c ON c.workflow_id = w.id WHERE w.id NOT IN (SELECT id FROM copied);
    RETURN NULL;
END
$$;
CREATE TRIGGER inserted_status_is_copied AFTER INSERT ON public.workflow_status
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();
CREATE TRIGGER updated_status_is_copied AFTER UPDATE ON public.workflow_status
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();

-- Copies what is noted as stale and not locked now; returns how many are left.
CREATE FUNCTION runfold.sync_workflows() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH free AS (
        SELECT w.id FROM public.workflows w
         WHERE w.id IN (SELECT workflow_id FROM runfold.stale_workflows) FOR NO KEY UPDATE OF w SKIP LOCKED
    ), copied AS (
        UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id FROM free WHERE w.id = free.id RETURNING w.id
    )
    DELETE FROM runfold.stale_workflows s
     WHERE s.workflow_id IN (SELECT id FROM copied)
        OR NOT EXISTS (SELECT FROM public.workflows w WHERE w.id = s.workflow_id);
    RETURN (SELECT count(*) FROM runfold.stale_workflows);
END
$$;
COMMENT ON FUNCTION runfold.sync_workflows() IS 'Makes the stale copies of workflow_status in workflows again.';

-- Monthly partitions of the log table from the last month to `ahead` months from now; returns how many were made. A month
-- whose rows lie in the default partition already stays there.
CREATE FUNCTION runfold.ensure_log_partitions(ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month timestamptz;
    made integer := 0;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    FOR i IN -1 .. ahead LOOP
        month := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        month := ((month AT TIME ZONE 'UTC') + i * interval '1 month') AT TIME ZONE 'UTC';
        partition := 'workflow_execution_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
        IF to_regclass(format('public.%I', partition)) IS NULL AND NOT EXISTS (
            SELECT FROM public.workflow_execution_logs_default d
             WHERE d.created_at >= month AND d.created_at < ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC')
        THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.workflow_execution_logs FOR VALUES FROM (%L) TO (%L)',
                           partition, month, ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION runfold.ensure_log_partitions(integer) IS 'Makes the monthly partitions of workflow_execution_logs ahead of time.';

REVOKE ALL ON FUNCTION runfold.keep_log_columns(), runfold.note_new_workflow(), runfold.copy_status_to_workflows(),
    runfold.sync_workflows(), runfold.ensure_log_partitions(integer) FROM PUBLIC;
SELECT runfold.ensure_log_partitions();
GRANT EXECUTE ON FUNCTION runfold.sync_workflows(), runfold.ensure_log_partitions(integer) TO runfold_projector, runfold_operator;
GRANT SELECT, INSERT, UPDATE ON runfold.checkpoints, runfold.projections, runfold.leader, runfold.published_head
    TO runfold_projector, runfold_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.parked_streams, runfold.verifications TO runfold_projector, runfold_operator;
GRANT SELECT ON runfold.checkpoints, runfold.projections, runfold.leader, runfold.parked_streams, runfold.verifications
    TO runfold_engine, service_role;
GRANT SELECT ON runfold.stale_workflows TO runfold_projector, runfold_operator;

COMMENT ON FUNCTION runfold.keep_log_columns() IS 'Trigger: keeps the columns of workflows that the log owns equal to workflow_status.';
COMMENT ON FUNCTION runfold.note_new_workflow() IS 'Trigger: has the copy of a new workflow made again after its commit.';
COMMENT ON FUNCTION runfold.copy_status_to_workflows() IS 'Trigger: copies a changed workflow_status, without waiting for locked workflows.';

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122000900';

-- migrate:down
