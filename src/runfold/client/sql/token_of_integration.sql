-- token_of_integration: what a platform keeps for an integration of a user; as `credential`.
-- Parameters: user, integration.
SELECT t.id, t.user_id, t.provider, t.integration_id, t.credential_id, 'oauth2' AS credential_type, t.token_type, '{}'::text[] AS scope,
       t.access_token, t.refresh_token,
       CASE WHEN t.credential_data = '{}' THEN NULL ELSE decode(t.credential_data ->> 'v', 'base64') END AS additional,
       (t.credential_data ->> '$encrypted')::uuid AS additional_key_id, t.key_id, t.expires_at, t.is_active AS is_valid, NULL AS validation_error,
       coalesce(t.expires_at < clock_timestamp()
                + least(interval '5 minutes', greatest(t.expires_at - t.updated_at, '0') / 2), false) AS is_stale,
       coalesce(t.expires_at <= clock_timestamp(), false) AS is_expired
  FROM public.oauth_tokens t
 WHERE t.user_id = %(user)s AND t.integration_id = %(integration)s
