-- A table identical to runfold.events, partitioned alike and with the same indexes, and nothing else of the log: no streams, no
-- event ids, no checks, no order.
CREATE SCHEMA bare;
CREATE SEQUENCE bare.position CACHE 1;
CREATE TABLE bare.events (LIKE runfold.events INCLUDING ALL) PARTITION BY RANGE (position);
ALTER TABLE bare.events ALTER COLUMN position SET DEFAULT nextval('bare.position');
CREATE TABLE bare.events_1 PARTITION OF bare.events FOR VALUES FROM (1) TO (5000001);
CREATE TABLE bare.events_2 PARTITION OF bare.events FOR VALUES FROM (5000001) TO (10000001);
CREATE TABLE bare.events_3 PARTITION OF bare.events FOR VALUES FROM (10000001) TO (15000001)
