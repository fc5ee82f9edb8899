-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.
-- {schema} is runfold in the store's database, runfold_keys in another one.

-- name: keys_of_tenant
-- A tenant's keys, the oldest first. Parameters: user_id.
SELECT key_id, user_id, wrapped, created_at, retired_at, destroyed_at, value_count
  FROM {schema}.tenant_keys
 WHERE user_id = %(user_id)s
 ORDER BY created_at, key_id

-- name: keys_of_tenants
-- The keys of the next tenants, by tenant. Parameters: after (user_id; null: the first), limit (of tenants).
SELECT key_id, user_id, wrapped, created_at, retired_at, destroyed_at, value_count
  FROM {schema}.tenant_keys
 WHERE user_id IN (SELECT DISTINCT t.user_id FROM {schema}.tenant_keys t
                    WHERE %(after)s::uuid IS NULL OR t.user_id > %(after)s::uuid ORDER BY t.user_id LIMIT %(limit)s)
 ORDER BY user_id, created_at, key_id

-- name: lock_tenant
-- Keeps a tenant's keys from being added and destroyed at the same time. Parameters: user_id.
SELECT pg_advisory_xact_lock(hashtextextended('runfold keys ' || %(user_id)s::text, 0))

-- name: add_key
-- Adds a tenant's key and retires the others; 0 where a key of the tenant was destroyed.
-- Parameters: key_id, user_id, wrapped, at.
WITH added AS (
    INSERT INTO {schema}.tenant_keys (key_id, user_id, wrapped, created_at)
    SELECT %(key_id)s, %(user_id)s, %(wrapped)s, %(at)s
     WHERE NOT EXISTS (SELECT FROM {schema}.tenant_keys t WHERE t.user_id = %(user_id)s AND t.destroyed_at IS NOT NULL)
    RETURNING key_id
), retired AS (
    UPDATE {schema}.tenant_keys SET retired_at = greatest(%(at)s, created_at)
     WHERE user_id = %(user_id)s AND retired_at IS NULL AND EXISTS (SELECT FROM added)
)
SELECT count(*) FROM added

-- name: reserve_values
-- Counts values that a process is about to encrypt, and returns the number of all. Parameters: key_id, count.
UPDATE {schema}.tenant_keys SET value_count = value_count + %(count)s WHERE key_id = %(key_id)s RETURNING value_count

-- name: rewrap_keys
-- Replaces wrapped keys that are still as given. Parameters: key_ids (uuid[]), old, new (bytea[]).
WITH changed AS (
    UPDATE {schema}.tenant_keys k SET wrapped = g.new
      FROM unnest(%(key_ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) AS g (key_id, old, new)
     WHERE k.key_id = g.key_id AND k.wrapped = g.old
    RETURNING 1
)
SELECT count(*) FROM changed

-- name: destroy_keys
-- Destroys a tenant's keys, and returns their records. Parameters: user_id, at.
UPDATE {schema}.tenant_keys k
   SET wrapped = NULL, destroyed_at = coalesce(k.destroyed_at, greatest(%(at)s, k.created_at))
 WHERE k.user_id = %(user_id)s
RETURNING k.key_id, k.user_id, k.wrapped, k.created_at, k.retired_at, k.destroyed_at, k.value_count

-- name: create_ledger
-- Makes the erasure ledger of another database, one process at a time. Parameters: none.
SELECT pg_advisory_xact_lock(7211835422);
CREATE SCHEMA IF NOT EXISTS runfold_keys;
CREATE TABLE IF NOT EXISTS runfold_keys.erasure_ledger (
    user_id uuid PRIMARY KEY,
    key_ids uuid[] NOT NULL,
    destroyed_at timestamptz NOT NULL
);

-- name: ledger_entries
-- All erasures, the oldest first. Parameters: none.
SELECT user_id, key_ids, destroyed_at FROM runfold_keys.erasure_ledger ORDER BY destroyed_at, user_id

-- name: add_ledger_entry
-- Remembers an erasure. Parameters: user_id, key_ids (uuid[]), at.
INSERT INTO runfold_keys.erasure_ledger AS l (user_id, key_ids, destroyed_at) VALUES (%(user_id)s, %(key_ids)s, %(at)s)
    ON CONFLICT (user_id) DO UPDATE
    SET key_ids = ARRAY(SELECT DISTINCT unnest(l.key_ids || excluded.key_ids) ORDER BY 1)

-- name: policies
-- Which fields are encrypted. Parameters: none.
SELECT user_id, event_type, field FROM runfold.encryption_policies ORDER BY user_id NULLS FIRST, event_type, field

-- name: add_policies
-- States that fields are encrypted from now on, and returns how many policies are new.
-- Parameters: user_id (null: every tenant), event_type, fields (text[]).
WITH added AS (
    INSERT INTO runfold.encryption_policies (user_id, event_type, field)
    SELECT %(user_id)s, %(event_type)s, f.name FROM unnest(%(fields)s::text[]) AS f (name)
        ON CONFLICT ON CONSTRAINT policy_is_stated_once DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added

-- name: remove_policies
-- Ends policies, and returns how many; what is encrypted stays so. Parameters: as above.
WITH removed AS (
    DELETE FROM runfold.encryption_policies
     WHERE user_id IS NOT DISTINCT FROM %(user_id)s::uuid AND event_type = %(event_type)s AND field = ANY (%(fields)s)
    RETURNING 1
)
SELECT count(*) FROM removed
