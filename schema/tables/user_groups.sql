CREATE TABLE runfold.user_groups (
    group_name text PRIMARY KEY,
    role_name text NOT NULL,
    batch xid8,
    settled boolean NOT NULL DEFAULT true
);

COMMENT ON TABLE runfold.user_groups IS 'The groups of users'' projections, and the login that folds each. No group of runfold''s is here.';
COMMENT ON COLUMN runfold.user_groups.batch IS 'The transaction that folds, or folded last.';
COMMENT ON COLUMN runfold.user_groups.settled IS 'Whether that transaction has moved the checkpoint or ended the batch: without it, it cannot commit.';

GRANT SELECT, INSERT, UPDATE ON runfold.user_groups TO runfold_projector, runfold_operator;

-- after the functions

CREATE CONSTRAINT TRIGGER batch_is_settled AFTER UPDATE ON runfold.user_groups
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.refuse_unsettled_batch();
