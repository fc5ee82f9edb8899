-- By oid: a partition that was swapped for another table, or came out of a dump, is another one.
CREATE TABLE runfold.frozen_partitions (
    partition oid NOT NULL,
    name text NOT NULL,
    frozen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT frozen_partitions_pkey PRIMARY KEY (partition)
);

COMMENT ON TABLE runfold.frozen_partitions IS
    'The closed partitions of the log that the leader has frozen: no vacuum has anything to do there any more.';

GRANT SELECT ON runfold.frozen_partitions TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, DELETE ON runfold.frozen_partitions TO runfold_projector, runfold_operator;
