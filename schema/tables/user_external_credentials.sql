-- Secrets are ciphertext before they come here: encrypted with a key of the tenant, for this row and column only.
CREATE TABLE public.user_external_credentials (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    provider varchar(50) NOT NULL,
    credential_type varchar(20) NOT NULL DEFAULT 'oauth2',

    encrypted_access_token bytea,
    encrypted_refresh_token bytea,
    encrypted_additional_data bytea,
    key_id uuid NOT NULL,

    token_expires_at timestamptz,
    scope text[] NOT NULL DEFAULT '{}',
    token_type varchar(20) NOT NULL DEFAULT 'Bearer',
    can_refresh boolean NOT NULL GENERATED ALWAYS AS (encrypted_refresh_token IS NOT NULL) STORED,

    is_valid boolean NOT NULL DEFAULT true,
    last_validated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    validation_error text,

    refresh_lease uuid,
    refresh_lease_until timestamptz,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT user_external_credentials_pkey PRIMARY KEY (id),
    CONSTRAINT user_external_credentials_user_id_provider_key UNIQUE (user_id, provider),
    CONSTRAINT credential_is_named_by_its_user UNIQUE (user_id, id),
    CONSTRAINT user_external_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    -- words: CredentialProvider
    CONSTRAINT valid_provider CHECK (provider IN ('google_calendar', 'github', 'slack', 'notion', 'custom_http')),
    -- words: CredentialType
    CONSTRAINT valid_credential_type CHECK (credential_type IN ('oauth2', 'api_key', 'basic_auth', 'bearer_token')),
    CONSTRAINT valid_credential_holds_a_secret CHECK (
        NOT is_valid OR num_nonnulls(encrypted_access_token, encrypted_refresh_token, encrypted_additional_data) > 0),
    -- Nonce and tag alone have 28 bytes: what is shorter was never encrypted.
    CONSTRAINT secrets_are_ciphertext CHECK (
        least(octet_length(encrypted_access_token), octet_length(encrypted_refresh_token),
              octet_length(encrypted_additional_data)) >= 28),
    CONSTRAINT lease_has_an_end CHECK ((refresh_lease IS NULL) = (refresh_lease_until IS NULL))
);
-- What a list of a user's credentials shows comes from the index alone.
CREATE INDEX idx_user_credentials_user_provider ON public.user_external_credentials (user_id, provider)
    INCLUDE (is_valid, token_expires_at);
CREATE INDEX idx_user_credentials_expires_at ON public.user_external_credentials (token_expires_at) WHERE is_valid;
CREATE INDEX idx_user_credentials_valid ON public.user_external_credentials (user_id, last_validated_at) WHERE is_valid;

COMMENT ON TABLE public.user_external_credentials IS
    'What users have entrusted to reach services for them. `store.credentials` writes and opens it.';
COMMENT ON COLUMN public.user_external_credentials.key_id IS 'The tenant''s key that its secrets are encrypted with.';
COMMENT ON COLUMN public.user_external_credentials.token_expires_at IS 'NULL: never refreshed.';
COMMENT ON COLUMN public.user_external_credentials.refresh_lease IS 'The call that refreshes it now, until refresh_lease_until.';
COMMENT ON COLUMN public.user_external_credentials.updated_at IS 'When its secrets were written last.';

ALTER TABLE public.user_external_credentials ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.user_external_credentials FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.user_external_credentials FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
-- Without the ciphertext. Who writes encrypts, so users write through `store.credentials`; they may delete.
GRANT SELECT (id, user_id, provider, credential_type, token_expires_at, scope, token_type, can_refresh, is_valid, last_validated_at,
              validation_error, created_at, updated_at), DELETE
    ON public.user_external_credentials TO authenticated;
GRANT SELECT (id, user_id, provider, credential_type, token_expires_at, scope, token_type, can_refresh, is_valid, last_validated_at,
              validation_error, created_at, updated_at)
    ON public.user_external_credentials TO runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.user_external_credentials TO runfold_engine, runfold_operator, service_role;
