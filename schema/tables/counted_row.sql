-- What the counts of dashboards need of a row: it is added (1) or taken away (-1). The key is a workflow, or a kind of node.
CREATE TYPE runfold.counted_row AS (
    sign integer,
    user_id uuid,
    workflow_id uuid,
    node_type text,
    node_subtype text,
    created_at timestamptz,
    outcome text,
    ended_at timestamptz,
    duration_ms bigint
);

COMMENT ON TYPE runfold.counted_row IS 'What the counts of dashboards need of a row that is added (sign 1) or taken away (sign -1).';
