-- A partition of the log has no trigger against TRUNCATE, or a disabled one: it can be emptied.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md#roles
SELECT i.inhrelid::regclass::text AS object, 'nothing keeps it from being truncated' AS problem,
       CASE WHEN g.oid IS NULL
            THEN format('CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON %%s FOR EACH STATEMENT'
                        ' EXECUTE FUNCTION runfold.refuse_change()', i.inhrelid::regclass)
            ELSE format('ALTER TABLE %%s ENABLE TRIGGER events_are_never_truncated', i.inhrelid::regclass) END AS remedy
  FROM pg_inherits i
  LEFT JOIN pg_trigger g ON g.tgrelid = i.inhrelid AND g.tgname = 'events_are_never_truncated'
 WHERE i.inhparent = 'runfold.events'::regclass AND (g.oid IS NULL OR g.tgenabled NOT IN ('O', 'A'))
