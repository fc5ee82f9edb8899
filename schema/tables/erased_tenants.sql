-- Tenants that are erased, or being erased: from the commit of its row on, no stream of the tenant takes an event.
CREATE TABLE runfold.erased_tenants (
    user_id uuid NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    begun_by text NOT NULL DEFAULT session_user,
    begun_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    issued bigint,
    position bigint,
    erased_at timestamptz,
    CONSTRAINT erased_tenants_pkey PRIMARY KEY (user_id),
    CONSTRAINT erased_has_a_position CHECK (erased_at IS NULL OR position IS NOT NULL)
);

COMMENT ON TABLE runfold.erased_tenants IS
    'Tenants that are erased or being erased: appends to their streams are refused. A row stays for ever.';
COMMENT ON COLUMN runfold.erased_tenants.begun_in IS 'The transaction that entered it: before its commit nobody else knows.';
COMMENT ON COLUMN runfold.erased_tenants.issued IS
    'The last position that may have been given to an append that did not know yet; NULL: that is not asked yet.';
COMMENT ON COLUMN runfold.erased_tenants.position IS 'The position of its TenantErased; NULL: it is not appended yet.';
COMMENT ON COLUMN runfold.erased_tenants.erased_at IS 'When everything was done; NULL: `runfold tenant erase` is to be run again.';

GRANT SELECT ON runfold.erased_tenants TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, service_role;
