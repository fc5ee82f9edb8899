CREATE TABLE runfold.upcasters (
    type text COLLATE "C" NOT NULL,
    from_version integer NOT NULL,
    function_name text NOT NULL,
    CONSTRAINT upcasters_pkey PRIMARY KEY (type, from_version),
    CONSTRAINT from_version_is_positive CHECK (from_version > 0)
);

COMMENT ON TABLE runfold.upcasters IS 'The functions (jsonb to jsonb) that runfold.upcast is made of, one a step.';

GRANT SELECT ON runfold.upcasters TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
