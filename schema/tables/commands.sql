CREATE TABLE runfold.commands (
    command_id uuid PRIMARY KEY,
    digest bytea NOT NULL,
    result jsonb NOT NULL,
    recorded_at timestamptz NOT NULL
);

COMMENT ON TABLE runfold.commands IS 'Results of calls that named a command_id: sent again, the call returns its original result.';

GRANT SELECT ON runfold.commands TO runfold_operator;
