CREATE TABLE runfold.own_discards (
    group_name text PRIMARY KEY,
    pid integer NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    discarded_by text NOT NULL,
    role_name text NOT NULL DEFAULT session_user
);

COMMENT ON TABLE runfold.own_discards IS 'The discards in users'' groups that an operator has allowed and that are not done.';
COMMENT ON COLUMN runfold.own_discards.pid IS 'The server process of the one session that may do it.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.own_discards TO runfold_projector, runfold_operator;
