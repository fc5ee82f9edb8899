CREATE TABLE runfold.subscriptions (
    name text COLLATE "C" NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    event_id uuid,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    filters jsonb NOT NULL DEFAULT '{}',
    server text NOT NULL,
    restored_position bigint,
    failed_code text,
    failed_error text,
    failed_since timestamptz,
    failed_tries integer NOT NULL DEFAULT 0,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (name),
    CONSTRAINT subscriptions_name_is_short CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT subscriptions_position_is_a_position CHECK (position >= 0),
    CONSTRAINT subscriptions_event_has_a_position CHECK (event_id IS NULL OR position > 0),
    CONSTRAINT subscriptions_filters_are_an_object CHECK (jsonb_typeof(filters) = 'object'),
    CONSTRAINT subscriptions_tries_are_counted CHECK (failed_tries >= 0),
    CONSTRAINT subscriptions_failure_is_whole CHECK ((failed_error IS NULL) = (failed_since IS NULL))
);

COMMENT ON TABLE runfold.subscriptions IS 'The bookmarks of the subscriptions that have a name: how far each consumer is.';
COMMENT ON COLUMN runfold.subscriptions.position IS 'The last event of any type that the consumer is done with, or looked past; 0: none.';
COMMENT ON COLUMN runfold.subscriptions.event_id IS 'The id of that event: a log that has another one there is another log.';
COMMENT ON COLUMN runfold.subscriptions.filters IS 'What the consumer asked for when it began last: types, streams, category.';
COMMENT ON COLUMN runfold.subscriptions.server IS 'The server on which the consumer began last: runfold.server_identity().';
COMMENT ON COLUMN runfold.subscriptions.restored_position IS
    'Where the bookmark was when the consumer began on another server, as after a restore; NULL: it did not. What it had done further on is not known here.';
COMMENT ON COLUMN runfold.subscriptions.failed_error IS 'What the handler fails with, again and again; NULL: it is not failing.';

GRANT SELECT ON runfold.subscriptions TO runfold_projector, runfold_reader;
GRANT SELECT, INSERT, UPDATE ON runfold.subscriptions TO runfold_engine, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.subscriptions TO runfold_operator;
