-- migrate:up

-- The responses that were matched to an interaction, as the log has them: who looks back at an execution finds them with its questions.
CREATE INDEX idx_events_response_matched ON runfold.events (lower(data ->> 'interaction_id' COLLATE "C"), position)
    WHERE category = 'response' AND type = 'ResponseMatched';

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001700';

-- migrate:down
