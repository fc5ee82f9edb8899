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
    -- With the user: a foreign key looks past row security, and could name another tenant's session.
    CONSTRAINT workflow_comes_from_a_session_of_its_user FOREIGN KEY (user_id, session_id)
        REFERENCES public.sessions (user_id, id) ON DELETE SET NULL (session_id),
    CONSTRAINT workflow_with_a_session_has_a_user CHECK (session_id IS NULL OR user_id IS NOT NULL),
    CONSTRAINT workflow_is_unique_in_its_user UNIQUE (user_id, id),
    CONSTRAINT workflow_was_deployed_by_a_user FOREIGN KEY (deployed_by) REFERENCES auth.users (id) ON DELETE SET NULL,
    CONSTRAINT workflows_name_not_empty CHECK (length(trim(name)) > 0),
    CONSTRAINT workflows_valid_workflow_data CHECK (workflow_data IS NOT NULL),
    -- words: deployment
    CONSTRAINT workflows_valid_deployment_status CHECK (
        deployment_status IN ('IDLE', 'UNDEPLOYED', 'DEPLOYMENT_FAILED', 'DEPLOYING', 'DEPLOYED', 'UNDEPLOYING')),
    -- words: execution
    CONSTRAINT workflows_valid_latest_execution_status CHECK (
        latest_execution_status = 'IDLE' OR latest_execution_status IN ('NEW', 'RUNNING', 'PAUSED', 'WAITING_FOR_HUMAN',
        'SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT'))
);
CREATE INDEX idx_workflows_user_id ON public.workflows (user_id);
-- A user's dashboard: the active workflows, the newest first.
CREATE INDEX idx_workflows_active ON public.workflows (user_id, updated_at DESC) WHERE active;
CREATE INDEX idx_workflows_deployment_status ON public.workflows (deployment_status);
CREATE INDEX idx_workflows_tags ON public.workflows USING gin (tags);
-- For the beginning of a name, see runfold.search_workflows.
CREATE INDEX idx_workflows_name ON public.workflows (user_id, lower(name) text_pattern_ops);
-- Without these, deleting a session or a user reads all workflows.
CREATE INDEX idx_workflows_session_id ON public.workflows (user_id, session_id) WHERE session_id IS NOT NULL;
CREATE INDEX idx_workflows_deployed_by ON public.workflows (deployed_by) WHERE deployed_by IS NOT NULL;

COMMENT ON TABLE public.workflows IS 'Workflow definitions, as users edit them.';
COMMENT ON COLUMN public.workflows.user_id IS 'Whose workflow it is; NULL: no tenant sees it, services do.';
COMMENT ON COLUMN public.workflows.created_at IS 'Epoch milliseconds.';
COMMENT ON COLUMN public.workflows.updated_at IS 'Epoch milliseconds.';

ALTER TABLE public.workflows ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Users can manage own workflows" ON public.workflows FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflows FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_scheduler, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);

GRANT ALL ON public.workflows TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
-- The columns that the log owns are set by a trigger.
GRANT SELECT, DELETE,
      INSERT (user_id, session_id, name, description, version, active, workflow_data, settings, static_data, pin_data, tags,
              is_template, template_category, icon_url, created_at, updated_at),
      UPDATE (session_id, name, description, version, active, workflow_data, settings, static_data, pin_data, tags,
              is_template, template_category, icon_url, updated_at)
    ON public.workflows TO authenticated;
GRANT SELECT ON public.workflows TO runfold_engine, runfold_scheduler, runfold_agent, runfold_reader;
-- Whose workflow it is, its name, which lists show, and the copies of workflow_status, which are verified: no definitions.
GRANT SELECT (id, user_id, name, latest_execution_id, latest_execution_status, latest_execution_time, deployment_status,
              deployed_at, deployed_by, undeployed_at, deployment_version, deployment_config)
    ON public.workflows TO runfold_projector;

-- after the functions

CREATE TRIGGER log_columns_are_kept BEFORE INSERT OR UPDATE ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.keep_log_columns();
CREATE TRIGGER parts_follow_their_workflow AFTER UPDATE OF user_id ON public.workflows
    FOR EACH ROW WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id) EXECUTE FUNCTION runfold.move_parts_to_user();
CREATE TRIGGER new_workflows_are_synced_again AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_new_workflow();
CREATE CONSTRAINT TRIGGER deletion_is_appended AFTER DELETE ON public.workflows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.append_workflow_deleted();
CREATE TRIGGER made_workflows_are_noted AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_edited_workflow();
-- Not the columns that the log owns: a fold copies them.
CREATE TRIGGER edited_workflows_are_noted AFTER UPDATE ON public.workflows
    FOR EACH ROW WHEN (
        (OLD.user_id, OLD.name, OLD.description, OLD.version, OLD.active, OLD.workflow_data, OLD.settings, OLD.static_data, OLD.pin_data,
         OLD.tags, OLD.is_template, OLD.template_category, OLD.icon_url)
        IS DISTINCT FROM
        (NEW.user_id, NEW.name, NEW.description, NEW.version, NEW.active, NEW.workflow_data, NEW.settings, NEW.static_data, NEW.pin_data,
         NEW.tags, NEW.is_template, NEW.template_category, NEW.icon_url))
    EXECUTE FUNCTION runfold.note_edited_workflow();
