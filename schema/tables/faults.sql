CREATE TABLE runfold.faults (
    code text COLLATE "C" PRIMARY KEY,
    message text NOT NULL,
    hint text NOT NULL
);

COMMENT ON TABLE runfold.faults IS 'Every code with which an append can be refused.';

GRANT SELECT ON runfold.faults TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
