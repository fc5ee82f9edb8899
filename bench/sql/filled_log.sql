-- A log of %(streams)s streams with 20 events each, whose ids and streams are of %(kind)s ('random' or 'version 7'), written past
-- append_events, which would take an hour.
CREATE TEMPORARY TABLE made AS
SELECT n, CASE %(kind)s WHEN 'random' THEN gen_random_uuid() ELSE runfold.new_id() END AS id
  FROM generate_series(1, %(streams)s * 21) AS n ORDER BY n;
INSERT INTO runfold.streams (stream_id, version, first_position, last_position)
SELECT 'execution-' || id, 20, (n / 21) * 20 - 19, (n / 21) * 20 FROM made WHERE n %% 21 = 0;
INSERT INTO runfold.event_ids (event_id, stream_version) SELECT id, n %% 21 FROM made WHERE n %% 21 > 0;
INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, data,
                            metadata, occurred_at, recorded_at)
SELECT m.n - m.n / 21, m.n - m.n / 21, 'execution-' || s.id, m.n %% 21, m.id, 'execution', 'ExecutionStarted', 1,
       '{"start_time": 1}', '{}', now(), now()
  FROM made m JOIN made s ON s.n = (m.n / 21 + 1) * 21 WHERE m.n %% 21 > 0;
SELECT setval('runfold.events_position', %(streams)s * 20);
VACUUM ANALYZE runfold.streams, runfold.event_ids, runfold.events;
