-- The sequence of positions hands out several at once.
--
-- The order of the log breaks: a session takes positions ahead, and another one commits higher ones before it.
--
-- severity: error
-- see: concepts.md
SELECT 'runfold.events_position' AS object, format('its cache is %%s: the order of the log breaks', s.seqcache) AS problem,
       'ALTER SEQUENCE runfold.events_position CACHE 1' AS remedy
  FROM pg_sequence s
 WHERE s.seqrelid = 'runfold.events_position'::regclass AND s.seqcache <> 1
