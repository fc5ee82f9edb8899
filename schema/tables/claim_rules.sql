CREATE TABLE runfold.claim_rules (
    type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    effect text NOT NULL,
    key_field text,
    finer_key_field text,
    name_field text,
    refusal text,
    function_name text,
    CONSTRAINT claim_rules_pkey PRIMARY KEY (type, kind),
    CONSTRAINT effect_is_known CHECK (effect IN ('takes', 'releases', 'follows')),
    CONSTRAINT a_claim_that_is_taken_has_key_name_and_refusal
        CHECK (effect <> 'takes' OR num_nulls(key_field, name_field, refusal) = 0),
    CONSTRAINT a_claim_that_follows_has_a_function CHECK ((effect = 'follows') = (function_name IS NOT NULL))
);

COMMENT ON TABLE runfold.claim_rules IS 'What events of our own vocabulary claim and release, generated from their classes.';
COMMENT ON COLUMN runfold.claim_rules.key_field IS 'The claim''s key is the stream''s id and this field of the event''s data.';
COMMENT ON COLUMN runfold.claim_rules.finer_key_field IS 'The field that is the key instead, in an event that has it.';
COMMENT ON COLUMN runfold.claim_rules.name_field IS 'The field with the claim''s name; an event without one releases all of its stream.';
COMMENT ON COLUMN runfold.claim_rules.refusal IS 'What runfold.refuse raises where another name holds the claim.';
COMMENT ON COLUMN runfold.claim_rules.function_name IS
    'Computes the claims that a stream holds: (stream_id text, events jsonb) returns (key text, held boolean).';

GRANT SELECT ON runfold.claim_rules TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
