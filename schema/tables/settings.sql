CREATE TABLE runfold.settings (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL,
    CONSTRAINT limit_leaves_room CHECK (value >= CASE name WHEN 'max_event_bytes' THEN 65536 ELSE 16384 END)
);
INSERT INTO runfold.settings (name, value) VALUES ('max_event_bytes', 1048576), ('max_metadata_bytes', 65536);

COMMENT ON TABLE runfold.settings IS 'Limits of appends. Operators change them by UPDATE; engines only read them.';

GRANT SELECT ON runfold.settings TO runfold_engine, runfold_projector, runfold_reader, service_role;
GRANT SELECT, UPDATE ON runfold.settings TO runfold_operator;
