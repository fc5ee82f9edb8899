-- migrate:up

-- Projections of users. Their statements run in a session that is logged in as a member of runfold_projections: it reads the
-- log, writes the tables it was granted, and moves and parks its own groups by the functions here. It can not become anybody
-- else: SET ROLE could be undone from inside a statement, a login can not.

DO $roles$
BEGIN
    IF to_regrole('runfold_projections') IS NULL THEN
        BEGIN
            CREATE ROLE runfold_projections NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
END
$roles$;

-- A place for users' tables. Those that the migrating role makes there are granted by themselves.
CREATE SCHEMA IF NOT EXISTS projections;
COMMENT ON SCHEMA projections IS 'Read tables of users, folded by projections of their own.';
REVOKE CREATE ON SCHEMA projections FROM PUBLIC;
GRANT USAGE ON SCHEMA projections TO runfold_projections, runfold_engine, runfold_projector, runfold_operator, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO runfold_projections;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT USAGE ON SEQUENCES TO runfold_projections;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections
    GRANT SELECT ON TABLES TO runfold_engine, runfold_projector, runfold_operator, service_role;

CREATE TABLE runfold.own_groups (
    group_name text PRIMARY KEY,
    role_name text NOT NULL,
    batch xid8,
    settled boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE runfold.own_groups IS 'The groups of users'' projections, and the login that folds each. No group of runfold''s is here.';
COMMENT ON COLUMN runfold.own_groups.batch IS 'The transaction that folds, or folded last.';
COMMENT ON COLUMN runfold.own_groups.settled IS 'Whether that transaction has moved the checkpoint or ended the batch: without it, it can not commit.';

-- A transaction that began a batch commits with its checkpoint moved, or not at all: a COMMIT that a projection slips in fails.
CREATE FUNCTION runfold.refuse_unsettled_batch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM runfold.own_groups g
                WHERE g.group_name = NEW.group_name AND g.batch = pg_current_xact_id() AND NOT g.settled) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF013',
            MESSAGE = format('a projection of the group %s ended its transaction before the checkpoint moved', NEW.group_name),
            DETAIL = '{"code": "projection_escaped"}',
            HINT = 'a projection neither commits nor rolls back';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.refuse_unsettled_batch() IS 'Trigger: a batch of a user''s group commits together with its checkpoint.';
CREATE CONSTRAINT TRIGGER batch_is_settled AFTER UPDATE ON runfold.own_groups
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.refuse_unsettled_batch();

CREATE FUNCTION runfold.begin_own_batch(group_name text, OUT "position" bigint, OUT parked boolean, OUT built jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- One group a transaction: what a statement of one group calls can not reach another's checkpoint.
    IF EXISTS (SELECT FROM runfold.own_groups g WHERE g.batch = pg_current_xact_id()) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF013', MESSAGE = 'this transaction has begun a batch already',
            DETAIL = '{"code": "projection_escaped"}';
    END IF;
    UPDATE runfold.own_groups g SET batch = pg_current_xact_id(), settled = false
     WHERE g.group_name = group_name AND g.role_name = session_user;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = '42501', MESSAGE = format('%s is no group of %s', group_name, session_user);
    END IF;
    SELECT c.position INTO "position" FROM runfold.checkpoints c WHERE c.group_name = group_name FOR NO KEY UPDATE OF c;
    -- In later statements: who waits for a row sees the rest as it was before the wait.
    parked := EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = group_name)
              OR EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = group_name);
    built := (SELECT coalesce(jsonb_object_agg(b.name, b.version), '{}') FROM runfold.projections b WHERE b.group_name = group_name);
END
$$;
COMMENT ON FUNCTION runfold.begin_own_batch(text) IS
    'Locks the checkpoint of a group of the login''s own: where it stands, whether streams are parked or events discarded in it, and the versions that its tables were built with.';

CREATE FUNCTION runfold.require_own_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.own_groups g
                    WHERE g.group_name = group_name AND g.role_name = session_user AND g.batch = pg_current_xact_id()) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF013',
            MESSAGE = format('this transaction has begun no batch of the group %s', group_name),
            DETAIL = '{"code": "projection_escaped"}',
            HINT = 'a projection neither commits nor rolls back';
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.require_own_batch(text) IS 'Raises unless this transaction is the one that began a batch of the group.';

CREATE FUNCTION runfold.move_own_checkpoint(group_name text, after bigint, upto bigint, epoch bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    UPDATE runfold.checkpoints c
       SET position = upto, epoch = epoch, moved_at = clock_timestamp(),
           stopped_sqlstate = NULL, stopped_error = NULL, stopped_at = NULL
     WHERE c.group_name = group_name AND c.position = after AND upto >= after
       AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = epoch);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE runfold.own_groups g SET settled = true WHERE g.group_name = group_name;
    RETURN true;
END
$$;
COMMENT ON FUNCTION runfold.move_own_checkpoint(text, bigint, bigint, bigint) IS
    'Moves the group of this batch on, from where the batch started and under this leader''s epoch; else false.';

CREATE FUNCTION runfold.end_own_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    UPDATE runfold.own_groups g SET settled = true WHERE g.group_name = group_name;
END
$$;
COMMENT ON FUNCTION runfold.end_own_batch(text) IS 'Ends a batch that leaves the checkpoint where it is, as the retry of a stream does.';

CREATE FUNCTION runfold.own_parked_position(group_name text, stream_id text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.position FROM runfold.parked_streams p
      JOIN runfold.own_groups g ON g.group_name = p.group_name AND g.role_name = session_user
     WHERE p.group_name = $1 AND p.stream_id = $2
$$;
COMMENT ON FUNCTION runfold.own_parked_position(text, text) IS 'Where a stream is parked in a group of the login''s own.';

CREATE FUNCTION runfold.park_own_stream(group_name text, stream_id text, "position" bigint, sqlstate text, error text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
    VALUES (group_name, stream_id, "position", sqlstate, error)
        ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE SET sqlstate = excluded.sqlstate, error = excluded.error;
END
$$;
COMMENT ON FUNCTION runfold.park_own_stream(text, text, bigint, text, text) IS
    'Parks a stream in the group of this batch from a position on, with its error.';

CREATE FUNCTION runfold.unpark_own_stream(group_name text, stream_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    DELETE FROM runfold.parked_streams p WHERE p.group_name = group_name AND p.stream_id = stream_id;
END
$$;
COMMENT ON FUNCTION runfold.unpark_own_stream(text, text) IS 'Forgets that a stream is parked in the group of this batch.';

CREATE FUNCTION runfold.note_own_built(group_name text, name text, version integer, digest text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    INSERT INTO runfold.projections AS p (name, group_name, version, digest)
    VALUES (name, group_name, version, digest)
        ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE
       SET version = excluded.version, digest = excluded.digest, built_at = clock_timestamp()
     WHERE p.group_name = group_name;
END
$$;
COMMENT ON FUNCTION runfold.note_own_built(text, text, integer, text) IS
    'Notes the version that a table of the group of this batch was rebuilt with.';

CREATE TABLE runfold.own_discards (
    group_name text PRIMARY KEY,
    pid integer NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    discarded_by text NOT NULL,
    role_name text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE runfold.own_discards IS 'The discards in users'' groups that an operator has allowed and that are not done.';
COMMENT ON COLUMN runfold.own_discards.pid IS 'The server process of the one session that may do it.';

CREATE FUNCTION runfold.discard_own_event(group_name text, "position" bigint, sqlstate text, error text,
    OUT stream_version bigint, OUT type text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    allowed runfold.own_discards;
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    DELETE FROM runfold.own_discards o WHERE o.group_name = group_name AND o.pid = pg_backend_pid() RETURNING o.* INTO allowed;
    INSERT INTO runfold.discarded_events AS d
           (group_name, position, stream_id, stream_version, event_id, type, sqlstate, error, reason, discarded_by, role_name)
    SELECT group_name, e.position, e.stream_id, e.stream_version, e.event_id, e.type, sqlstate, error,
           allowed.reason, allowed.discarded_by, allowed.role_name
      FROM runfold.events e
     WHERE e.position = "position" AND e.stream_id = allowed.stream_id
    RETURNING d.stream_version, d.type INTO stream_version, type;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = '42501',
            MESSAGE = format('no operator has allowed this session to discard the event at position %s in the group %s',
                             "position", group_name),
            HINT = 'runfold parked discard';
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.discard_own_event(text, bigint, text, text) IS
    'Puts on record that the group of this batch gives up an event of the stream that an operator has allowed to this session, once.';

REVOKE ALL ON FUNCTION runfold.discard_own_event(text, bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.discard_own_event(text, bigint, text, text) TO runfold_projections;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.own_discards TO runfold_projector, runfold_operator;

-- The shadows of users' groups are in a schema of their own: a table of a user's may have the name of one of runfold's. An
-- operator makes and drops them; the login folds into those that it is granted. Unlogged, as all that a rebuild knows.
CREATE SCHEMA IF NOT EXISTS runfold_own_shadow;
COMMENT ON SCHEMA runfold_own_shadow IS 'Tables that a rebuild of a user''s group folds the log into, before it compares them with the live ones.';
REVOKE ALL ON SCHEMA runfold_own_shadow FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA runfold_own_shadow TO runfold_projector, runfold_operator;
GRANT USAGE ON SCHEMA runfold_own_shadow TO runfold_projections;

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

CREATE FUNCTION runfold.note_own_folded(group_name text, after bigint, upto bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.own_rebuilds r SET position = upto
      FROM runfold.own_groups g
     WHERE r.group_name = group_name AND r.position = after AND upto >= after
       AND g.group_name = group_name AND g.role_name = session_user;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION runfold.note_own_folded(text, bigint, bigint) IS
    'Notes how far the shadows of a group of the login''s own are folded, in the transaction that folds them; false where they stood elsewhere.';
REVOKE ALL ON FUNCTION runfold.note_own_folded(text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_own_folded(text, bigint, bigint) TO runfold_projections;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.own_rebuilds TO runfold_projector, runfold_operator;

REVOKE ALL ON FUNCTION runfold.refuse_unsettled_batch(), runfold.begin_own_batch(text), runfold.require_own_batch(text),
    runfold.move_own_checkpoint(text, bigint, bigint, bigint), runfold.end_own_batch(text), runfold.own_parked_position(text, text),
    runfold.park_own_stream(text, text, bigint, text, text), runfold.unpark_own_stream(text, text),
    runfold.note_own_built(text, text, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.begin_own_batch(text), runfold.move_own_checkpoint(text, bigint, bigint, bigint),
    runfold.end_own_batch(text), runfold.own_parked_position(text, text), runfold.park_own_stream(text, text, bigint, text, text),
    runfold.unpark_own_stream(text, text), runfold.note_own_built(text, text, integer, text) TO runfold_projections;

GRANT USAGE ON SCHEMA runfold TO runfold_projections;
GRANT SELECT ON runfold.events, runfold.checkpoints, runfold.parked_streams, runfold.discarded_events,
    runfold.events_position TO runfold_projections;
GRANT EXECUTE ON FUNCTION runfold.upcast(text, integer, jsonb), runfold.row_id(text, text, text), runfold.merge(jsonb),
    runfold.given(jsonb), runfold.drop_nulls(jsonb), runfold.value_of(jsonb, text), runfold.from_epoch_ms(bigint)
    TO runfold_projections;
GRANT SELECT, INSERT, UPDATE ON runfold.own_groups TO runfold_projector, runfold_operator;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001300';

-- migrate:down
