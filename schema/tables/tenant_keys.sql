CREATE TABLE runfold.tenant_keys (
    key_id uuid NOT NULL,
    -- No foreign key: the record of a destroyed key outlives its user.
    user_id uuid NOT NULL,
    wrapped bytea,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    destroyed_at timestamptz,
    value_count bigint NOT NULL DEFAULT 0,

    CONSTRAINT tenant_keys_pkey PRIMARY KEY (key_id),
    CONSTRAINT key_is_destroyed_or_there CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    CONSTRAINT key_retires_after_its_creation CHECK (retired_at >= created_at),
    CONSTRAINT values_are_counted CHECK (value_count >= 0)
);
CREATE INDEX idx_tenant_keys_user_id ON runfold.tenant_keys (user_id, created_at);

COMMENT ON TABLE runfold.tenant_keys IS
    'Keys of tenants, wrapped by a master key that is not in the database. Used where RUNFOLD_KEY_HOME is `database`.';
COMMENT ON COLUMN runfold.tenant_keys.wrapped IS 'The key, encrypted by a master key; NULL: it was destroyed.';
COMMENT ON COLUMN runfold.tenant_keys.retired_at IS 'When a newer key of the tenant took over; this one still opens values.';
COMMENT ON COLUMN runfold.tenant_keys.value_count IS 'How many values processes have reserved under this key.';

GRANT SELECT, INSERT ON runfold.tenant_keys TO runfold_engine, runfold_operator, service_role;
GRANT UPDATE (retired_at, value_count) ON runfold.tenant_keys TO runfold_engine;
GRANT UPDATE ON runfold.tenant_keys TO runfold_operator, service_role;
