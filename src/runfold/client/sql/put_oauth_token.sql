-- put_oauth_token: keeps what a platform has for an integration of a user; no row where another one came between.
-- Parameters: id, user, integration, provider, credential_id, access_token, refresh_token, additional (jsonb), key_id, expires_at,
-- token_type.
INSERT INTO public.oauth_tokens AS t
       (id, user_id, integration_id, provider, credential_id, access_token, refresh_token, credential_data, key_id, expires_at, token_type)
VALUES (%(id)s, %(user)s, %(integration)s, %(provider)s, %(credential_id)s, %(access_token)s, %(refresh_token)s, %(additional)s,
        %(key_id)s, %(expires_at)s, %(token_type)s)
    ON CONFLICT ON CONSTRAINT oauth_tokens_user_id_integration_id_key DO UPDATE
   SET provider = excluded.provider, credential_id = excluded.credential_id, access_token = excluded.access_token,
       refresh_token = excluded.refresh_token, credential_data = excluded.credential_data, key_id = excluded.key_id,
       expires_at = excluded.expires_at, token_type = excluded.token_type, is_active = true, refresh_lease = NULL,
       refresh_lease_until = NULL, updated_at = clock_timestamp()
 WHERE t.id = excluded.id
RETURNING t.id
