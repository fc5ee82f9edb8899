CREATE TABLE runfold.allowed_discards (
    group_name text NOT NULL,
    pid integer NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    discarded_by text NOT NULL,
    role_name text NOT NULL DEFAULT session_user,
    CONSTRAINT allowed_discards_pkey PRIMARY KEY (group_name, pid)
);

COMMENT ON TABLE runfold.allowed_discards IS 'The discards that an operator has allowed to a session and that are not done.';
COMMENT ON COLUMN runfold.allowed_discards.pid IS 'The server process of the one session that may do it.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.allowed_discards TO runfold_projector, runfold_operator;
