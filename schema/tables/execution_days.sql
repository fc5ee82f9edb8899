-- What became of executions, by day: kept right by triggers of workflow_executions, in the transaction that changes a row.
CREATE TABLE public.execution_days (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    workflow_id uuid NOT NULL,
    day date NOT NULL,
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
    CONSTRAINT execution_days_pkey PRIMARY KEY (id),
    -- A tenant that is NULL is one, too.
    CONSTRAINT execution_days_key UNIQUE NULLS NOT DISTINCT (user_id, workflow_id, day),
    CONSTRAINT execution_days_have_224_durations CHECK (cardinality(durations) = 224)
);
CREATE INDEX idx_execution_days_workflow ON public.execution_days (workflow_id, day);
CREATE INDEX idx_execution_days_day ON public.execution_days (day);

COMMENT ON TABLE public.execution_days IS
    'What became of executions, by workflow and day (UTC). Never stale: the transaction that changes an execution''s row changes it.';
COMMENT ON COLUMN public.execution_days.created IS 'How many executions were created on the day.';
COMMENT ON COLUMN public.execution_days.succeeded IS 'How many of those that were created on the day have succeeded, whenever that was.';
COMMENT ON COLUMN public.execution_days.ended_succeeded IS 'How many executions succeeded on the day, whenever they were created.';
COMMENT ON COLUMN public.execution_days.durations IS
    'How many executions that ended on the day took how long, by the 224 parts of runfold.duration_part.';

ALTER TABLE public.execution_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.execution_days FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.execution_days FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
GRANT SELECT ON public.execution_days
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
