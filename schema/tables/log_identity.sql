CREATE TABLE runfold.log_identity (
    singleton boolean PRIMARY KEY DEFAULT true,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    adopted_at timestamptz,
    CONSTRAINT log_identity_is_one_row CHECK (singleton)
);
INSERT INTO runfold.log_identity DEFAULT VALUES;

COMMENT ON TABLE runfold.log_identity IS
    'Which log this is. It travels with dumps and replicas; a spool is sent to no other log than its own.';
COMMENT ON COLUMN runfold.log_identity.adopted_at IS
    'When `runfold db adopt --new-identity` made this copy a log of its own; NULL for the first one.';

GRANT SELECT ON runfold.log_identity
    TO runfold_engine, runfold_projector, runfold_projections, runfold_scheduler, runfold_agent, runfold_reader,
    runfold_gateway, service_role;
GRANT SELECT, UPDATE ON runfold.log_identity TO runfold_operator;
