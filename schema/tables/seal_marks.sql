-- What tells which event of a range differs. A range is proved by its seal alone; without marks it is the range that is named.
CREATE TABLE runfold.seal_marks (
    first_position bigint NOT NULL,
    marks bytea NOT NULL,
    CONSTRAINT seal_marks_pkey PRIMARY KEY (first_position),
    CONSTRAINT marks_belong_to_a_seal FOREIGN KEY (first_position) REFERENCES runfold.seals (first_position),
    CONSTRAINT marks_have_twelve_bytes CHECK (octet_length(marks) % 12 = 0)
);
-- Parts of hashes do not become smaller.
ALTER TABLE runfold.seal_marks ALTER COLUMN marks SET STORAGE EXTERNAL;

COMMENT ON TABLE runfold.seal_marks IS
    'Twelve bytes of each event of a sealed range, by which the event that differs is named. They prove nothing and may be deleted.';
COMMENT ON COLUMN runfold.seal_marks.marks IS
    'Of each event in order: 4 bytes of its place in the range, from 0; the first 4 of its leaf; the last 4 of its id.';

GRANT SELECT ON runfold.seal_marks TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
