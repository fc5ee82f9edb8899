-- What became of activations, by kind of node and day: kept right by triggers of node_executions.
CREATE TABLE public.node_days (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    node_type varchar(100) NOT NULL,
    node_subtype varchar(100),
    day date NOT NULL,
    created bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    canceled bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    ended_succeeded bigint NOT NULL DEFAULT 0,
    ended_failed bigint NOT NULL DEFAULT 0,
    ended_canceled bigint NOT NULL DEFAULT 0,
    ended_skipped bigint NOT NULL DEFAULT 0,
    durations bigint[] NOT NULL,
    CONSTRAINT node_days_pkey PRIMARY KEY (id),
    CONSTRAINT node_days_key UNIQUE NULLS NOT DISTINCT (user_id, node_type, node_subtype, day),
    CONSTRAINT node_days_have_224_durations CHECK (cardinality(durations) = 224)
);
CREATE INDEX idx_node_days_day ON public.node_days (day);

COMMENT ON TABLE public.node_days IS
    'What became of activations, by kind of node and day (UTC). Never stale: the transaction that changes an activation''s row changes it.';
COMMENT ON COLUMN public.node_days.created IS 'How many activations were begun on the day.';
COMMENT ON COLUMN public.node_days.durations IS
    'How many activations that ended on the day took how long, by the 224 parts of runfold.duration_part.';

ALTER TABLE public.node_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.node_days FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.node_days FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
GRANT SELECT ON public.node_days
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
