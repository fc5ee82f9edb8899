-- The credentials that somebody has to look at, each with the reason. It reads no ciphertext.
CREATE VIEW public.credentials_to_look_at WITH (security_invoker = true) AS
    SELECT c.id, c.user_id, 'user_external_credentials' AS kept_in, c.provider::text AS provider, NULL::text AS integration_id,
           CASE WHEN NOT c.is_valid THEN 'invalid'
                WHEN c.token_expires_at < now() THEN 'expired'
                WHEN c.token_expires_at < now() + interval '1 day' AND NOT c.can_refresh THEN 'expires soon'
                ELSE 'not validated' END AS reason,
           c.validation_error, c.token_expires_at AS expires_at, c.can_refresh, c.last_validated_at
      FROM public.user_external_credentials c
     WHERE NOT c.is_valid
        OR c.token_expires_at < now() + CASE WHEN c.can_refresh THEN interval '0' ELSE interval '1 day' END
        OR c.last_validated_at < now() - interval '30 days'
    UNION ALL
    SELECT t.id, t.user_id, 'oauth_tokens', t.provider::text, t.integration_id::text,
           CASE WHEN NOT t.is_active THEN 'invalid'
                WHEN t.expires_at < now() THEN 'expired'
                ELSE 'expires soon' END,
           NULL, t.expires_at, t.can_refresh, NULL
      FROM public.oauth_tokens t
     WHERE NOT t.is_active
        OR t.expires_at < now() + CASE WHEN t.can_refresh THEN interval '0' ELSE interval '1 day' END;

COMMENT ON VIEW public.credentials_to_look_at IS
    'Credentials that are invalid, expired, expire within a day and cannot be refreshed, or were not validated for 30 days.';

GRANT SELECT ON public.credentials_to_look_at TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
