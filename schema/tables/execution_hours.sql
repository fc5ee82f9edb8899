-- What became of executions, by hour: kept right by triggers of workflow_executions, in the transaction that changes a row.
CREATE TABLE public.execution_hours (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    workflow_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    created bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    canceled bigint NOT NULL DEFAULT 0,
    timed_out bigint NOT NULL DEFAULT 0,
    ended_succeeded bigint NOT NULL DEFAULT 0,
    ended_failed bigint NOT NULL DEFAULT 0,
    ended_canceled bigint NOT NULL DEFAULT 0,
    ended_timed_out bigint NOT NULL DEFAULT 0,
    durations bigint[] NOT NULL,
    CONSTRAINT execution_hours_pkey PRIMARY KEY (id),
    -- A tenant that is NULL is one, too.
    CONSTRAINT execution_hours_key UNIQUE NULLS NOT DISTINCT (user_id, workflow_id, hour),
    CONSTRAINT execution_hours_have_224_durations CHECK (cardinality(durations) = 224)
);
CREATE INDEX idx_execution_hours_workflow ON public.execution_hours (workflow_id, hour);
CREATE INDEX idx_execution_hours_hour ON public.execution_hours (hour);

COMMENT ON TABLE public.execution_hours IS
    'What became of executions, by workflow and hour (UTC). Never stale: the transaction that changes an execution''s row changes it.';
COMMENT ON COLUMN public.execution_hours.created IS 'How many executions were created in the hour.';
COMMENT ON COLUMN public.execution_hours.succeeded IS 'How many of those that were created in the hour have succeeded, whenever that was.';
COMMENT ON COLUMN public.execution_hours.ended_succeeded IS 'How many executions succeeded in the hour, whenever they were created.';
COMMENT ON COLUMN public.execution_hours.durations IS
    'How many executions that ended in the hour took how long, by the 224 parts of runfold.duration_part.';

ALTER TABLE public.execution_hours ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.execution_hours FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.execution_hours FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
GRANT SELECT ON public.execution_hours
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
