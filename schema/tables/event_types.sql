CREATE TABLE runfold.event_types (
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    opaque boolean NOT NULL DEFAULT false,
    closed boolean NOT NULL DEFAULT false,
    reserved boolean NOT NULL DEFAULT false,
    CONSTRAINT event_types_pkey PRIMARY KEY (category, type),
    CONSTRAINT schema_version_is_positive CHECK (schema_version > 0),
    CONSTRAINT category_is_an_identifier CHECK (category ~ '^[a-z][a-z0-9_]*$' AND length(category) <= 100)
);

COMMENT ON TABLE runfold.event_types IS
    'The event types that streams of a category take, with the current version of their shape; type * is any.';
COMMENT ON COLUMN runfold.event_types.opaque IS 'Takes a payload of bytes in place of data; * always does.';
COMMENT ON COLUMN runfold.event_types.closed IS 'Of our own vocabulary: register_event_types leaves its category alone.';
COMMENT ON COLUMN runfold.event_types.reserved IS 'Appended by functions of ours only: append_events refuses it from everybody else.';

GRANT SELECT ON runfold.event_types TO runfold_engine, runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.event_types TO runfold_operator;
