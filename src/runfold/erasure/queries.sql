-- The short statements of this room, by name.

-- name: checkpoints_behind
-- The groups that have not folded up to a position: name, position, and why the group waits for an operator (null: it does not).
-- One of these groups without a checkpoint is at 0; others that have one are looked at as well. Parameters: position, groups (text[]).
SELECT group_name, coalesce(c.position, 0), c.stopped_error
  FROM unnest(%(groups)s::text[]) AS g (group_name)
  FULL JOIN runfold.checkpoints c USING (group_name)
 WHERE coalesce(c.position, 0) < %(position)s
 ORDER BY group_name

-- name: end_erasure
-- Notes that everything of an erasure was done. Parameters: tenant.
SELECT runfold.end_erasure(%(tenant)s)

-- name: erase_tenant
-- Does the next step of an erasure; returns what it did, and a position. Parameters: tenant.
SELECT state, "position" FROM runfold.erase_tenant(%(tenant)s)

-- name: erased_tenant
-- What is noted of a tenant's erasure; no row: it is not begun. Parameters: tenant.
SELECT begun_at, position, erased_at FROM runfold.erased_tenants WHERE user_id = %(tenant)s

-- name: holders
-- Who holds the safe head back: the lowest position, the process, and what it is.
SELECT bound, coalesce(pid::text, prepared_gid), application_name, state, since FROM runfold.head_holders() ORDER BY bound LIMIT 3

-- name: needs_keys
-- Whether the store encrypts fields, or a tenant has keys in this database, or credentials. Parameters: tenant.
SELECT EXISTS (SELECT FROM runfold.encryption_policies)
    OR EXISTS (SELECT FROM runfold.tenant_keys k WHERE k.user_id = %(tenant)s)
    OR EXISTS (SELECT FROM runfold.rows_of_tenant(%(tenant)s) AS r
                WHERE r.table_name IN ('public.user_external_credentials', 'public.oauth_tokens'))

-- name: quoting_errors
-- How many discarded events of a tenant keep an error text that may quote it. Parameters: tenant.
SELECT count(*)
  FROM runfold.discarded_events d
  JOIN runfold.streams s ON s.stream_id = d.stream_id
 WHERE s.user_id = %(tenant)s AND d.error <> 'the tenant was erased'

-- name: readable
-- What stays readable in the log: type, field, events. Parameters: tenant.
SELECT type, field, events FROM runfold.readable_of_tenant(%(tenant)s)

-- name: rows
-- The tables that have rows of a tenant, and how many. Parameters: tenant.
SELECT table_name, rows FROM runfold.rows_of_tenant(%(tenant)s)

-- name: streams
-- How many streams and events a tenant has. Parameters: tenant.
SELECT count(*), coalesce(sum(s.version), 0)::bigint FROM runfold.streams s WHERE s.user_id = %(tenant)s

-- name: unpark_erased
-- Unparks the streams of an erased tenant without folding them; returns how many. Parameters: tenant.
SELECT runfold.unpark_erased(%(tenant)s)

-- name: user_tables
-- Of some tables those that exist and have a column user_id. Parameters: tables (text[], with their schemas).
SELECT t.name
  FROM unnest(%(tables)s::text[]) AS t (name)
  JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) AND a.attname = 'user_id' AND NOT a.attisdropped
 ORDER BY t.name
