CREATE TABLE runfold.definitions (
    user_id uuid NOT NULL,
    digest text COLLATE "C" NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT definitions_pkey PRIMARY KEY (user_id, digest),
    CONSTRAINT definition_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT definition_has_a_digest CHECK (digest ~ '^[0-9a-f]{64}$')
);

COMMENT ON TABLE runfold.definitions IS
    'The bodies of workflow definitions that events name by their digests: in no event, so that they go with their tenant.';
COMMENT ON COLUMN runfold.definitions.digest IS 'runfold.definition_digest(body): without positions, notes and times.';

ALTER TABLE runfold.definitions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.definitions FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.definitions FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.definitions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
