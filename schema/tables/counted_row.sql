-- What the counts of dashboards need of rows that are alike: how many are added, or taken away where `number` is negative. The
-- key is a workflow, or a kind of node; the times are beginnings of hours or days.
CREATE TYPE runfold.counted_row AS (
    number bigint,
    user_id uuid,
    workflow_id uuid,
    node_type text,
    node_subtype text,
    created_at timestamptz,
    outcome text,
    ended_at timestamptz,
    part integer
);

COMMENT ON TYPE runfold.counted_row IS 'What the counts of dashboards need of rows that are alike; a negative number is taken away.';
