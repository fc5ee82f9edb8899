-- migrate:up

-- Who searches an error text looks at failed executions only: a tenth of the table, or less.
CREATE INDEX idx_executions_failed ON public.workflow_executions (created_at DESC, id) WHERE error_message IS NOT NULL;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125000100';

-- migrate:down
