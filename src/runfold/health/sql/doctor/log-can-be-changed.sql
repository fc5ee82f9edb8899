-- A trigger that keeps events from being changed is disabled or missing.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md#roles
SELECT t.relation::regclass::text AS object,
       format('its trigger %%s is %%s: events can be changed', t.name, CASE WHEN g.oid IS NULL THEN 'missing' ELSE 'disabled' END) AS problem,
       CASE WHEN g.oid IS NULL
            THEN format('CREATE TRIGGER %%I BEFORE UPDATE OR DELETE%%s ON %%s FOR EACH %%s EXECUTE FUNCTION runfold.refuse_change()',
                        t.name, CASE t.name WHEN 'events_are_never_truncated' THEN ' OR TRUNCATE' ELSE '' END, t.relation::regclass,
                        CASE t.name WHEN 'events_are_never_truncated' THEN 'STATEMENT' ELSE 'ROW' END)
            ELSE format('ALTER TABLE %%s ENABLE TRIGGER %%I', t.relation::regclass, t.name) END AS remedy
  FROM (SELECT 'runfold.events'::regclass::oid, name
          FROM unnest(ARRAY['events_are_never_changed', 'events_are_never_truncated']) AS name
        UNION ALL
        SELECT i.inhrelid, 'events_are_never_changed'
          FROM pg_inherits i
         WHERE i.inhparent = 'runfold.events'::regclass) AS t (relation, name)
  LEFT JOIN pg_trigger g ON g.tgrelid = t.relation AND g.tgname = t.name
 WHERE g.oid IS NULL OR g.tgenabled NOT IN ('O', 'A')
