-- expiring_credentials: valid credentials of all users that expire within so long, the first ones first.
-- Parameters: seconds, limit.
SELECT * FROM (
    SELECT c.user_id, c.provider::text AS provider, NULL::text AS integration_id, c.token_expires_at AS expires_at, c.can_refresh
      FROM public.user_external_credentials c
     WHERE c.is_valid AND c.token_expires_at < now() + make_interval(secs => %(seconds)s)
    UNION ALL
    SELECT t.user_id, t.provider::text, t.integration_id::text, t.expires_at, t.can_refresh
      FROM public.oauth_tokens t
     WHERE t.is_active AND t.credential_id IS NULL AND t.expires_at < now() + make_interval(secs => %(seconds)s)) AS found
 ORDER BY expires_at, user_id, provider
 LIMIT %(limit)s
