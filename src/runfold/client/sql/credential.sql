-- credential: what a user has entrusted for a provider, in one shape for both tables.
-- Parameters: user, provider. is_stale: it expires within 5 minutes, or has half of its lifetime behind it if that is shorter.
SELECT c.id, c.user_id, c.provider, NULL AS integration_id, NULL::uuid AS credential_id, c.credential_type, c.token_type, c.scope,
       c.encrypted_access_token AS access_token, c.encrypted_refresh_token AS refresh_token,
       c.encrypted_additional_data AS additional, c.key_id AS additional_key_id, c.key_id, c.token_expires_at AS expires_at, c.is_valid, c.validation_error,
       coalesce(c.token_expires_at < clock_timestamp()
                + least(interval '5 minutes', greatest(c.token_expires_at - c.updated_at, '0') / 2), false) AS is_stale,
       coalesce(c.token_expires_at <= clock_timestamp(), false) AS is_expired
  FROM public.user_external_credentials c
 WHERE c.user_id = %(user)s AND c.provider = %(provider)s
