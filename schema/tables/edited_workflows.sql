-- The workflows that an open transaction edited. Its rows live until its commit, which appends an event for each definition that
-- changed; so no other transaction ever sees one.
CREATE TABLE runfold.edited_workflows (
    xid xid8 NOT NULL,
    workflow_id uuid NOT NULL,
    CONSTRAINT edited_workflows_pkey PRIMARY KEY (xid, workflow_id)
);

COMMENT ON TABLE runfold.edited_workflows IS 'Workflows whose definition an open transaction may have changed.';

-- after the functions

CREATE CONSTRAINT TRIGGER definition_is_appended AFTER INSERT ON runfold.edited_workflows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.append_definition_saved();
