CREATE TABLE public.workflows (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    session_id uuid,

    name varchar(255) NOT NULL,
    description text,
    version varchar(50) NOT NULL DEFAULT '1.0.0',
    active boolean NOT NULL DEFAULT true,

    workflow_data jsonb NOT NULL,
    settings jsonb,
    static_data jsonb,
    pin_data jsonb,

    tags text[],
    is_template boolean NOT NULL DEFAULT false,
    template_category varchar(100),

    deployment_status varchar(50) NOT NULL DEFAULT 'IDLE',
    deployed_at timestamptz,
    deployed_by uuid,
    undeployed_at timestamptz,
    deployment_version integer NOT NULL DEFAULT 1,
    deployment_config jsonb NOT NULL DEFAULT '{}',

    latest_execution_status varchar(50) NOT NULL DEFAULT 'IDLE',
    latest_execution_id varchar(255),
    latest_execution_time timestamptz,

    icon_url varchar(500),

    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,

    CONSTRAINT workflows_pkey PRIMARY KEY (id),
    CONSTRAINT workflow_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT workflow_comes_from_a_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON DELETE SET NULL,
    CONSTRAINT workflow_was_deployed_by_a_user FOREIGN KEY (deployed_by) REFERENCES auth.users (id) ON DELETE SET NULL,
    CONSTRAINT workflows_name_not_empty CHECK (length(name) > 0),
    CONSTRAINT workflows_valid_workflow_data CHECK (workflow_data IS NOT NULL)
);
CREATE INDEX idx_workflows_user_id ON public.workflows (user_id);
CREATE INDEX idx_workflows_active ON public.workflows (user_id) WHERE active;
CREATE INDEX idx_workflows_deployment_status ON public.workflows (deployment_status);
CREATE INDEX idx_workflows_tags ON public.workflows USING gin (tags);
-- Without these, deleting a session or a user reads all workflows.
CREATE INDEX idx_workflows_session_id ON public.workflows (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX idx_workflows_deployed_by ON public.workflows (deployed_by) WHERE deployed_by IS NOT NULL;

COMMENT ON TABLE public.workflows IS 'Workflow definitions, as users edit them.';
COMMENT ON COLUMN public.workflows.created_at IS 'Epoch milliseconds.';
COMMENT ON COLUMN public.workflows.updated_at IS 'Epoch milliseconds.';

GRANT ALL ON public.workflows TO runfold_operator, service_role;
-- Whose workflow it is, its name, which lists show, and the copies of workflow_status, which are verified: no definitions.
GRANT SELECT (id, user_id, name, latest_execution_id, latest_execution_status, latest_execution_time, deployment_status,
              deployed_at, deployed_by, undeployed_at, deployment_version, deployment_config)
    ON public.workflows TO runfold_engine, runfold_projector;

-- after the functions

CREATE TRIGGER log_columns_are_kept BEFORE INSERT OR UPDATE ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.keep_log_columns();
CREATE TRIGGER new_workflows_are_synced_again AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_new_workflow();
CREATE CONSTRAINT TRIGGER deletion_is_appended AFTER DELETE ON public.workflows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.append_workflow_deleted();
CREATE TRIGGER made_workflows_are_noted AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_edited_workflow();
-- Not the columns that the log owns: a fold copies them.
CREATE TRIGGER edited_workflows_are_noted AFTER UPDATE ON public.workflows
    FOR EACH ROW WHEN (
        (OLD.name, OLD.description, OLD.version, OLD.active, OLD.workflow_data, OLD.settings, OLD.static_data, OLD.pin_data,
         OLD.tags, OLD.is_template, OLD.template_category, OLD.icon_url)
        IS DISTINCT FROM
        (NEW.name, NEW.description, NEW.version, NEW.active, NEW.workflow_data, NEW.settings, NEW.static_data, NEW.pin_data,
         NEW.tags, NEW.is_template, NEW.template_category, NEW.icon_url))
    EXECUTE FUNCTION runfold.note_edited_workflow();
