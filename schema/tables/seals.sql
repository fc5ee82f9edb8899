-- The chain of seals: each seals a range of the log, and the seals before it. What a seal is made of is in the functions
-- event_leaf, range_digest and seal_of; format 1 is theirs.
CREATE TABLE runfold.seals (
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    events bigint NOT NULL,
    range_digest bytea NOT NULL,
    seal bytea NOT NULL,
    format integer NOT NULL DEFAULT 1,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT seals_pkey PRIMARY KEY (first_position),
    CONSTRAINT seals_end_once UNIQUE (last_position),
    CONSTRAINT seals_begin_at_one CHECK (first_position >= 1),
    CONSTRAINT seals_count_what_fits CHECK (events BETWEEN 0 AND last_position - first_position + 1),
    CONSTRAINT digests_are_sha256 CHECK (octet_length(range_digest) = 32 AND octet_length(seal) = 32),
    CONSTRAINT the_format_is_known CHECK (format = 1)
);

COMMENT ON TABLE runfold.seals IS
    'The chain of seals over the log: what was settled cannot be changed without a difference. Ranges adjoin, from position 1 on.';
COMMENT ON COLUMN runfold.seals.last_position IS 'The last position of the range, holes included. The next range begins behind it.';
COMMENT ON COLUMN runfold.seals.events IS 'How many events the range held when it was sealed.';
COMMENT ON COLUMN runfold.seals.range_digest IS 'SHA-256 over the leaves of the range''s events in their order: runfold.range_digest.';
COMMENT ON COLUMN runfold.seals.seal IS 'SHA-256 over the seal before, the range and its digest: runfold.seal_of.';
COMMENT ON COLUMN runfold.seals.format IS 'Of leaf, digest and seal.';

GRANT SELECT ON runfold.seals TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- after the functions

CREATE TRIGGER seals_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.seals
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change();
