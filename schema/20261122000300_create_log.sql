-- migrate:up

-- The log: events in one order, streams with their versions, event ids unique across the log, claims, commands.
-- Written only through runfold.append_events.

CREATE SEQUENCE runfold.events_position AS bigint CACHE 1;
COMMENT ON SEQUENCE runfold.events_position IS
    'Global order of the log. Its oid is the tag of the appenders'' fences (runfold.safe_head). CACHE 1, or the order breaks.';

CREATE TABLE runfold.events (
    position bigint NOT NULL,
    append_end bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    stream_version bigint NOT NULL,
    event_id uuid NOT NULL,
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    user_id uuid,
    data jsonb,
    payload bytea,
    metadata jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (position)
) PARTITION BY RANGE (position);
CREATE INDEX idx_events_stream ON runfold.events (stream_id, stream_version);
COMMENT ON TABLE runfold.events IS 'The log: append-only for every role. Read tables are folds of it.';
COMMENT ON COLUMN runfold.events.position IS 'Global order; may have holes.';
COMMENT ON COLUMN runfold.events.append_end IS 'Last position of the append_events call: its events become visible together.';
COMMENT ON COLUMN runfold.events.user_id IS 'Tenant of the stream; NULL: no tenant sees it.';
COMMENT ON COLUMN runfold.events.payload IS 'Opaque bytes, in place of data.';
COMMENT ON COLUMN runfold.events.occurred_at IS 'The producer''s clock.';
COMMENT ON COLUMN runfold.events.recorded_at IS 'The server''s clock.';

CREATE TABLE runfold.streams (
    stream_id text COLLATE "C" PRIMARY KEY,
    user_id uuid,
    version bigint NOT NULL,
    first_position bigint,
    last_position bigint
) WITH (fillfactor = 70);
COMMENT ON TABLE runfold.streams IS 'One row a stream; its row lock is the optimistic concurrency check.';

CREATE TABLE runfold.event_ids (
    event_id uuid PRIMARY KEY,
    stream_version bigint NOT NULL
);
COMMENT ON TABLE runfold.event_ids IS
    'Event ids are unique across the log; a unique index on the partitioned events can not say so.';

CREATE TABLE runfold.claims (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    claimed_at timestamptz NOT NULL,
    name text,
    CONSTRAINT claims_pkey PRIMARY KEY (kind, key)
);
CREATE INDEX idx_claims_pauses ON runfold.claims (stream_id) WHERE kind = 'pause';
COMMENT ON COLUMN runfold.claims.name IS 'What the stream calls the thing claimed, a pause for instance.';
COMMENT ON TABLE runfold.claims IS 'Uniqueness that spans streams, taken and released inside an append.';

CREATE TABLE runfold.commands (
    command_id uuid PRIMARY KEY,
    digest bytea NOT NULL,
    result jsonb NOT NULL,
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE runfold.commands IS 'Results of calls that named a command_id: sent again, the call returns its original result.';

CREATE TABLE runfold.published_head (
    singleton boolean PRIMARY KEY DEFAULT true,
    position bigint NOT NULL,
    published_at timestamptz NOT NULL,
    CONSTRAINT published_head_is_one_row CHECK (singleton)
);
INSERT INTO runfold.published_head (position, published_at) VALUES (0, clock_timestamp());
COMMENT ON TABLE runfold.published_head IS
    'The safe head as the worker saw it last, for readers on a replica, which can not see the primary''s locks.';

-- Immutability. Inserts come only through append_events (grants); changes are refused for the owner, too, so that nobody
-- changes history by accident. Row triggers are cloned to every partition; TRUNCATE has none, so partitions get one each.
CREATE FUNCTION runfold.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RF008',
        MESSAGE = format('the log is append-only: %s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = '{"code": "log_immutable"}',
        HINT = 'append an event that corrects what the earlier one said';
END
$$;
REVOKE ALL ON FUNCTION runfold.refuse_change() FROM PUBLIC;
CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE ON runfold.events
    FOR EACH ROW EXECUTE FUNCTION runfold.refuse_change();
CREATE TRIGGER events_are_never_truncated BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.events
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change();

-- The first position that has no partition yet.
CREATE FUNCTION runfold.log_end() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint), 1)
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'runfold.events'::regclass
$$;
COMMENT ON FUNCTION runfold.log_end() IS 'The first position that has no partition yet.';
REVOKE ALL ON FUNCTION runfold.log_end() FROM PUBLIC;

-- Makes partitions until `spare` empty ones lie ahead of the last issued position; returns how many it made.
-- CREATE LIKE + CHECK + ATTACH waits for no open append (PARTITION OF does).
CREATE FUNCTION runfold.ensure_partitions(spare integer DEFAULT 4, size bigint DEFAULT 5000000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
    next_from bigint;
    made integer := 0;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 3);
    SELECT last_value INTO issued FROM runfold.events_position;
    next_from := runfold.log_end();
    WHILE next_from <= issued + spare * size LOOP
        partition := 'events_' || lpad(next_from::text, 12, '0');
        EXECUTE format('CREATE TABLE runfold.%I (LIKE runfold.events INCLUDING ALL,'
                       ' CONSTRAINT position_is_in_range CHECK (position >= %s AND position < %s))',
                       partition, next_from, next_from + size);
        EXECUTE format('ALTER TABLE runfold.events ATTACH PARTITION runfold.%I FOR VALUES FROM (%s) TO (%s)',
                       partition, next_from, next_from + size);
        EXECUTE format('ALTER TABLE runfold.%I DROP CONSTRAINT position_is_in_range', partition);
        EXECUTE format('CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON runfold.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change()', partition);
        next_from := next_from + size;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION runfold.ensure_partitions(integer, bigint) IS 'Makes partitions of the log well ahead of its head.';
REVOKE ALL ON FUNCTION runfold.ensure_partitions(integer, bigint) FROM PUBLIC;
SELECT runfold.ensure_partitions();

-- Everything up to the safe head is settled: no transaction can still fill a position there. Two statements, each with a
-- view of its own; the caller reads the events in a third. It may go back, so readers keep the greater.
CREATE FUNCTION runfold.safe_head() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
    behind bigint;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN (SELECT position FROM runfold.published_head);
    END IF;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF006',
            MESSAGE = format('the safe head can not be read under %s', upper(current_setting('transaction_isolation'))),
            DETAIL = '{"code": "unsupported_isolation"}',
            HINT = 'use READ COMMITTED: with one snapshot for head and events, events would be skipped';
    END IF;
    SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
    -- A fence's key is the low 32 bits of a lower bound; a key ahead of `issued` was taken after we read it.
    SELECT max(distance) INTO behind
      FROM (SELECT (issued - l.objid::bigint) & 4294967295 AS distance
              FROM pg_locks l
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
               AND l.classid = 'runfold.events_position'::regclass::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS fences
     WHERE distance < 2147483648;
    RETURN issued - coalesce(behind, 0);
END
$$;
COMMENT ON FUNCTION runfold.safe_head() IS 'The position up to which the log is settled.';
REVOKE ALL ON FUNCTION runfold.safe_head() FROM PUBLIC;

-- Who holds the safe head back: open appends, lowest bound first, by pid or by the gid of a prepared transaction.
CREATE FUNCTION runfold.head_holders()
RETURNS TABLE (bound bigint, pid integer, prepared_gid text, application_name text, state text, since timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
BEGIN
    SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
    RETURN QUERY
    SELECT issued - f.distance, f.pid, p.gid, a.application_name, a.state, coalesce(a.xact_start, p.prepared)
      FROM (SELECT (issued - l.objid::bigint) & 4294967295 AS distance, l.pid, l.virtualtransaction
              FROM pg_locks l
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
               AND l.classid = 'runfold.events_position'::regclass::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS f
      LEFT JOIN pg_stat_activity a ON a.pid = f.pid
      -- A prepared transaction keeps its backend's virtual id (after a restart it has another): its lock on itself names it.
      LEFT JOIN pg_locks x ON f.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
                          AND x.virtualtransaction = f.virtualtransaction
      LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
     WHERE f.distance < 2147483648
     ORDER BY f.distance DESC;
END
$$;
COMMENT ON FUNCTION runfold.head_holders() IS 'The open appends that hold the safe head back.';
REVOKE ALL ON FUNCTION runfold.head_holders() FROM PUBLIC;

GRANT SELECT ON runfold.events, runfold.streams, runfold.claims, runfold.published_head, runfold.events_position
    TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT SELECT ON runfold.commands, runfold.event_ids TO runfold_operator;
GRANT EXECUTE ON FUNCTION runfold.safe_head(), runfold.head_holders(), runfold.log_end()
    TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT EXECUTE ON FUNCTION runfold.ensure_partitions(integer, bigint) TO runfold_projector, runfold_operator;

COMMENT ON FUNCTION runfold.refuse_change() IS 'Trigger: refuses every change of a recorded event.';

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122000300';

-- migrate:down
