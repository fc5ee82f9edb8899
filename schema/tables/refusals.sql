CREATE TABLE runfold.refusals (
    name text COLLATE "C" PRIMARY KEY,
    sqlstate text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    hint text
);

COMMENT ON TABLE runfold.refusals IS 'What runfold.refuse raises, generated from runfold.errors. Faults of appends are in runfold.faults.';
COMMENT ON COLUMN runfold.refusals.message IS 'With {name} for the value of a fact.';

GRANT SELECT ON runfold.refusals TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
