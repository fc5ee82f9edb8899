-- Makes the key store of another database, one process at a time. Parameters: none.
SELECT pg_advisory_xact_lock(7211835422);
CREATE SCHEMA IF NOT EXISTS runfold_keys;
CREATE TABLE IF NOT EXISTS runfold_keys.tenant_keys (
    key_id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    wrapped bytea,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    destroyed_at timestamptz,
    value_count bigint NOT NULL DEFAULT 0,
    CONSTRAINT key_is_destroyed_or_there CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    CONSTRAINT key_retires_after_its_creation CHECK (retired_at >= created_at),
    CONSTRAINT values_are_counted CHECK (value_count >= 0)
);
CREATE INDEX IF NOT EXISTS idx_tenant_keys_user_id ON runfold_keys.tenant_keys (user_id, created_at);
