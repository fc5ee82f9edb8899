-- Secrets are ciphertext before they come here: encrypted with a key of the tenant, for this row and column only.
CREATE TABLE public.oauth_tokens (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    integration_id varchar(255),
    provider varchar(100) NOT NULL,
    credential_id uuid,

    access_token bytea NOT NULL,
    refresh_token bytea,
    token_type varchar(50) NOT NULL DEFAULT 'Bearer',
    expires_at timestamptz,
    key_id uuid NOT NULL,
    can_refresh boolean NOT NULL GENERATED ALWAYS AS (refresh_token IS NOT NULL) STORED,

    credential_data jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,

    refresh_lease uuid,
    refresh_lease_until timestamptz,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT oauth_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT oauth_tokens_user_id_integration_id_key UNIQUE (user_id, integration_id),
    CONSTRAINT oauth_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT oauth_tokens_integration_id_fkey FOREIGN KEY (integration_id)
        REFERENCES public.integrations (integration_id) ON DELETE CASCADE,
    CONSTRAINT token_comes_from_a_credential FOREIGN KEY (user_id, credential_id)
        REFERENCES public.user_external_credentials (user_id, id) ON DELETE SET NULL (credential_id),
    CONSTRAINT oauth_provider_is_not_blank CHECK (length(trim(provider)) > 0),
    -- Nonce and tag alone have 28 bytes: what is shorter was never encrypted. A revoked token is empty.
    CONSTRAINT tokens_are_ciphertext CHECK (
        (octet_length(access_token) >= 28 OR NOT is_active AND octet_length(access_token) = 0)
        AND coalesce(octet_length(refresh_token) >= 28, true)),
    CONSTRAINT credential_data_is_encrypted CHECK (
        credential_data = '{}' OR (credential_data ?& '{$encrypted,v}' AND credential_data - '{$encrypted,v}'::text[] = '{}')),
    CONSTRAINT token_lease_has_an_end CHECK ((refresh_lease IS NULL) = (refresh_lease_until IS NULL))
);
CREATE INDEX idx_oauth_tokens_user_id ON public.oauth_tokens (user_id, credential_id);
CREATE INDEX idx_oauth_tokens_integration_id ON public.oauth_tokens (integration_id);

COMMENT ON TABLE public.oauth_tokens IS 'What a platform keeps for an integration of a user. `store.credentials` writes and opens it.';
COMMENT ON COLUMN public.oauth_tokens.credential_id IS
    'The credential that the token comes from: it is refreshed there, and both are written together.';
COMMENT ON COLUMN public.oauth_tokens.expires_at IS 'NULL: never refreshed.';
COMMENT ON COLUMN public.oauth_tokens.key_id IS 'The tenant''s key that its secrets are encrypted with.';
COMMENT ON COLUMN public.oauth_tokens.refresh_lease IS 'The call that refreshes it now, until refresh_lease_until.';
COMMENT ON COLUMN public.oauth_tokens.updated_at IS 'When its secrets were written last.';

ALTER TABLE public.oauth_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.oauth_tokens FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.oauth_tokens FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
-- Without the ciphertext. Who writes encrypts, so users write through `store.credentials`; they may delete.
GRANT SELECT (id, user_id, integration_id, provider, credential_id, token_type, expires_at, can_refresh, is_active, created_at,
              updated_at), DELETE
    ON public.oauth_tokens TO authenticated;
GRANT SELECT (id, user_id, integration_id, provider, credential_id, token_type, expires_at, can_refresh, is_active, created_at,
              updated_at)
    ON public.oauth_tokens TO runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.oauth_tokens TO runfold_engine, runfold_operator, service_role;
