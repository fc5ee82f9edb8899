-- A workflow's row as it is in a definition: the columns that people own.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.workflow_body(w public.workflows) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'name', w.name, 'description', w.description, 'version', w.version, 'active', w.active, 'workflow_data', w.workflow_data,
        'settings', w.settings, 'static_data', w.static_data, 'pin_data', w.pin_data, 'tags', pg_catalog.to_jsonb(w.tags),
        'is_template', w.is_template, 'template_category', w.template_category, 'icon_url', w.icon_url)
$$;
