-- The newest sealed range of the log, or a link of the last 1,000 seals, is not as it was sealed.
--
-- Somebody changed events or seals past the triggers. It looks at one range; `runfold log verify` looks at all.
--
-- severity: error
-- reads: runfold.events
-- see: how-to/prove-the-log.md
SELECT format('positions %%s to %%s', s.first_position, s.last_position) AS object,
       'the events there are not those that were sealed' AS problem,
       format('`runfold log verify --from %%s --to %%s` names the event', s.first_position, s.last_position) AS remedy
  FROM (SELECT * FROM runfold.seals ORDER BY first_position DESC LIMIT 1) AS s
 CROSS JOIN LATERAL runfold.range_digest('runfold.events', s.first_position, s.last_position) AS d
 WHERE (d.digest <> s.range_digest OR d.events <> s.events)
   AND NOT EXISTS (SELECT FROM runfold.archives a
                    WHERE a.left_events > 0 AND a.from_position <= s.last_position AND a.to_position >= s.first_position)
UNION ALL
SELECT format('positions %%s to %%s', c.first_position, c.last_position), 'its seal does not follow from the one before',
       format('`runfold log verify`, and `runfold log seal check` with an export of before')
  FROM (SELECT s.*, lag(s.seal) OVER w AS previous, lag(s.last_position) OVER w AS before
          FROM (SELECT * FROM runfold.seals ORDER BY first_position DESC LIMIT 1000) AS s
        WINDOW w AS (ORDER BY s.first_position)) AS c
 WHERE (c.before IS NOT NULL OR c.first_position = 1)
   AND (c.seal <> runfold.seal_of(c.previous, c.first_position, c.last_position, c.events, c.range_digest)
        OR c.first_position <> coalesce(c.before, 0) + 1)
