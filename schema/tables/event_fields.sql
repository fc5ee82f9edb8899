CREATE TABLE runfold.event_fields (
    type text COLLATE "C" NOT NULL,
    ordinal integer NOT NULL,
    field text COLLATE "C" NOT NULL,
    required boolean NOT NULL,
    kind text NOT NULL,
    minimum bigint,
    maximum bigint,
    allowed text[],
    CONSTRAINT event_fields_pkey PRIMARY KEY (type, ordinal),
    CONSTRAINT field_is_unique_in_its_type UNIQUE (type, field),
    CONSTRAINT kind_is_known CHECK (kind IN ('name', 'text', 'enum', 'uuid', 'integer', 'number', 'boolean', 'timestamp',
                                             'json', 'object', 'strings'))
);

COMMENT ON TABLE runfold.event_fields IS 'The fields of the closed vocabulary, as the exact check walks them.';

GRANT SELECT ON runfold.event_fields TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
