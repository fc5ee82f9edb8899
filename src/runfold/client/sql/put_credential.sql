-- put_credential: keeps a user's credential for a provider; no row where another one came between with an id of its own.
-- Parameters: id, user, provider, credential_type, access_token, refresh_token, additional (bytea), key_id, expires_at, scope,
-- token_type.
INSERT INTO public.user_external_credentials AS c
       (id, user_id, provider, credential_type, encrypted_access_token, encrypted_refresh_token, encrypted_additional_data, key_id,
        token_expires_at, scope, token_type)
VALUES (%(id)s, %(user)s, %(provider)s, %(credential_type)s, %(access_token)s, %(refresh_token)s, %(additional)s, %(key_id)s,
        %(expires_at)s, %(scope)s, %(token_type)s)
    ON CONFLICT ON CONSTRAINT user_external_credentials_user_id_provider_key DO UPDATE
   SET credential_type = excluded.credential_type, encrypted_access_token = excluded.encrypted_access_token,
       encrypted_refresh_token = excluded.encrypted_refresh_token, encrypted_additional_data = excluded.encrypted_additional_data,
       key_id = excluded.key_id, token_expires_at = excluded.token_expires_at, scope = excluded.scope,
       token_type = excluded.token_type, is_valid = true, validation_error = NULL, last_validated_at = clock_timestamp(),
       refresh_lease = NULL, refresh_lease_until = NULL, updated_at = clock_timestamp()
 WHERE c.id = excluded.id
RETURNING c.id
