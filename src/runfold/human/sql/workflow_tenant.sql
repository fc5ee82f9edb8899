-- workflow_tenant: the user a workflow belongs to.
-- Parameters: workflow.
SELECT w.user_id FROM public.workflows w WHERE w.id = %(workflow)s
