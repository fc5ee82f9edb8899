-- refreshed_credential: keeps what a provider gave, if the lease is still the caller's. Parameters: as put_credential, lease.
UPDATE public.user_external_credentials
   SET encrypted_access_token = %(access_token)s, encrypted_refresh_token = %(refresh_token)s,
       encrypted_additional_data = %(additional)s, key_id = %(key_id)s, token_expires_at = %(expires_at)s, scope = %(scope)s,
       token_type = %(token_type)s, is_valid = true, validation_error = NULL, last_validated_at = clock_timestamp(),
       refresh_lease = NULL, refresh_lease_until = NULL, updated_at = clock_timestamp()
 WHERE id = %(id)s AND refresh_lease = %(lease)s
RETURNING id
