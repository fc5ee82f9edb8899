-- The operator's marks: when base backups were made. Nothing is backed up by runfold.
CREATE TABLE runfold.backups (
    taken_at timestamptz NOT NULL,
    label text NOT NULL DEFAULT '',
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    noted_by text NOT NULL DEFAULT session_user,
    CONSTRAINT backups_pkey PRIMARY KEY (taken_at),
    CONSTRAINT backups_were_taken CHECK (taken_at <= noted_at),
    CONSTRAINT backups_label_is_short CHECK (length(label) <= 200)
);

COMMENT ON TABLE runfold.backups IS
    'When base backups were made, as operators noted it: `runfold doctor` and the metrics say when the last one is old.';
COMMENT ON COLUMN runfold.backups.label IS 'Where the backup is, or what it is called.';

GRANT SELECT ON runfold.backups TO runfold_engine, runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.backups TO runfold_operator;
