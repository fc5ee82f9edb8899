-- The tools that agents can call by the Model Context Protocol. Everybody reads it, operators write it.
CREATE TABLE public.mcp_tools (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    tool_name varchar(255) NOT NULL,
    tool_type varchar(100) NOT NULL,
    provider varchar(100) NOT NULL,
    version varchar(50) NOT NULL DEFAULT '1.0.0',
    description text,
    tool_schema jsonb NOT NULL,
    configuration_schema jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    is_system_tool boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT mcp_tools_pkey PRIMARY KEY (id),
    CONSTRAINT mcp_tools_tool_name_provider_version_key UNIQUE (tool_name, provider, version),
    CONSTRAINT tool_name_is_not_blank CHECK (length(trim(tool_name)) > 0)
);
CREATE INDEX idx_mcp_tools_name ON public.mcp_tools (tool_name);
CREATE INDEX idx_mcp_tools_type ON public.mcp_tools (tool_type);
CREATE INDEX idx_mcp_tools_active ON public.mcp_tools (tool_name) WHERE is_active;

COMMENT ON TABLE public.mcp_tools IS 'The tools of the Model Context Protocol by name, provider and version.';
COMMENT ON COLUMN public.mcp_tools.tool_schema IS
    'A JSON Schema of what the tool takes, or an object with inputSchema and outputSchema. It is checked when it is written.';
COMMENT ON COLUMN public.mcp_tools.configuration_schema IS 'A JSON Schema of what the tool is set up with, checked likewise.';

ALTER TABLE public.mcp_tools ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.mcp_tools FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.mcp_tools FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT ON public.mcp_tools TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.mcp_tools TO runfold_operator, service_role;

-- after the functions

CREATE TRIGGER tool_is_checked BEFORE INSERT OR UPDATE ON public.mcp_tools
    FOR EACH ROW EXECUTE FUNCTION runfold.check_tool();
CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.mcp_tools
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();
