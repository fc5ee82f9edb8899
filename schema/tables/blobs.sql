CREATE TABLE runfold.blobs (
    user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
    sha256 bytea NOT NULL,
    bytes bigint NOT NULL,
    type text NOT NULL,
    content bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT blobs_pkey PRIMARY KEY (user_id, sha256),
    CONSTRAINT blob_sha256_has_its_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT blob_has_a_size CHECK (bytes BETWEEN 0 AND 268435456),
    CONSTRAINT blob_type_is_short CHECK (length(type) BETWEEN 1 AND 255)
);

COMMENT ON TABLE runfold.blobs IS
    'Large values of tenants that events refer to as {"$blob": sha256, "bytes": …, "type": …}. One row a tenant and content.';
COMMENT ON COLUMN runfold.blobs.sha256 IS 'Of the content before it was encrypted; events name it in hexadecimal digits.';
COMMENT ON COLUMN runfold.blobs.bytes IS 'The length of the content before it was encrypted.';
COMMENT ON COLUMN runfold.blobs.type IS 'A media type, image/png for instance.';
COMMENT ON COLUMN runfold.blobs.content IS 'The bytes, encrypted where the tenant''s policies say so; NULL: they are in a folder or another home.';

ALTER TABLE runfold.blobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.blobs FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.blobs FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.blobs TO authenticated, runfold_reader;
GRANT SELECT, INSERT, DELETE ON runfold.blobs TO runfold_engine, runfold_operator, service_role;
