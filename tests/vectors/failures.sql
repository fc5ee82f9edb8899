CREATE TABLE projections.failure_embeddings (
    user_id uuid NOT NULL,
    message_hash text NOT NULL,
    message text NOT NULL,
    normalised text NOT NULL,
    embedding vector NOT NULL,
    occurrences bigint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    last_stream_id text NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    PRIMARY KEY (user_id, message_hash)
);
ALTER TABLE projections.failure_embeddings ALTER COLUMN embedding SET STORAGE MAIN;
ALTER TABLE projections.failure_embeddings ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON projections.failure_embeddings FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON projections.failure_embeddings FOR ALL
    TO runfold_projections, runfold_engine, runfold_operator, runfold_projector USING (true) WITH CHECK (true);
GRANT USAGE ON SCHEMA projections TO authenticated;
GRANT SELECT ON projections.failure_embeddings TO authenticated;
