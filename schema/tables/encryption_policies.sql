CREATE TABLE runfold.encryption_policies (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid,
    event_type text COLLATE "C" NOT NULL DEFAULT '*',
    field text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by text NOT NULL DEFAULT SESSION_USER,

    CONSTRAINT encryption_policies_pkey PRIMARY KEY (id),
    CONSTRAINT policy_is_stated_once UNIQUE NULLS NOT DISTINCT (user_id, event_type, field),
    CONSTRAINT policy_is_of_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT event_type_is_given CHECK (event_type <> ''),
    -- words: EncryptedField
    CONSTRAINT field_may_be_encrypted CHECK (
        field IN ('*', 'payload', 'trigger_data', 'run_data', 'input_data', 'output_data', 'error_data',
        'error_details', 'error_message', 'request_data', 'response_data', 'raw_payload', 'headers',
        'resume_conditions', 'message', 'user_friendly_message', 'stack_trace', 'data', 'technical_details',
        'performance_metrics', 'metadata'))
);

COMMENT ON TABLE runfold.encryption_policies IS
    'Which fields of which events clients encrypt before they append. A policy holds for values that are appended after it.';
COMMENT ON COLUMN runfold.encryption_policies.user_id IS 'The tenant it holds for; NULL: every tenant.';
COMMENT ON COLUMN runfold.encryption_policies.event_type IS 'The event type it holds for; *: every type.';
COMMENT ON COLUMN runfold.encryption_policies.field IS
    'The field; *: every field that may be encrypted, and payloads; metadata: its top-level values.';

GRANT SELECT ON runfold.encryption_policies TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
GRANT INSERT, DELETE ON runfold.encryption_policies TO runfold_operator, service_role;
