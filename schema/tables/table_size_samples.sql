CREATE TABLE runfold.table_size_samples (
    day date NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    row_estimate bigint NOT NULL,
    CONSTRAINT table_size_samples_pkey PRIMARY KEY (day, table_name)
);

COMMENT ON TABLE runfold.table_size_samples IS
    'The size of each table once a day, for 400 days, from which runfold_stats.table_sizes computes its growth.';

GRANT SELECT ON runfold.table_size_samples TO runfold_projector, runfold_operator, runfold_reader, service_role;
