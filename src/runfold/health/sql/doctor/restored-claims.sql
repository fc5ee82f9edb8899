-- Claims were restored with the log: those that were released later are held again, and those that were taken later are free.
--
-- severity: advice
-- only: after-restore
-- see: how-to/after-a-restore.md
SELECT 'claims of ' || c.kind AS object, format('%%s claims are held, the newest of %%s UTC', count(*), to_char(max(c.claimed_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       'what has them in the world outside may have let go, or another one may think that it has them: compare' AS remedy
  FROM runfold.claims c
 GROUP BY c.kind
