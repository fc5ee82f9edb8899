-- The executions that are archived, by the workflows that they were created for. A deletion of a workflow takes their rows
-- along, and the log, where it looks for the others, has these no more.
CREATE TABLE runfold.archived_executions (
    workflow_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    CONSTRAINT archived_executions_pkey PRIMARY KEY (workflow_id, position),
    CONSTRAINT archived_executions_are_executions CHECK (starts_with(stream_id, 'execution-'))
);
CREATE INDEX idx_archived_executions_stream_id ON runfold.archived_executions (stream_id);

COMMENT ON TABLE runfold.archived_executions IS 'The executions that are archived, by the workflows that they were created for.';
COMMENT ON COLUMN runfold.archived_executions.workflow_id IS 'As the log has it, in lower case.';
COMMENT ON COLUMN runfold.archived_executions.position IS 'Where it was created: a later deletion of the workflow concerns it.';

GRANT SELECT ON runfold.archived_executions TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- after the functions

CREATE TRIGGER archived_executions_are_noted BEFORE UPDATE OF archived_at ON runfold.streams
    FOR EACH ROW WHEN (starts_with(NEW.stream_id, 'execution-') AND (OLD.archived_at IS NULL) <> (NEW.archived_at IS NULL))
    EXECUTE FUNCTION runfold.note_archived_execution();
