-- How long the rows of a table are kept. Of a read table the log keeps the events, so the cutoff is what keeps its rows
-- from coming back: no rebuild, verify, replay or retry looks below it, and it only grows.
-- Also how long the streams of a category stay in the log after their last event: then they are archived.
CREATE TABLE runfold.retention (
    table_name text COLLATE "C",
    column_name text COLLATE "C" NOT NULL,
    group_name text,
    keep interval,
    cutoff timestamptz,
    ran_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_since timestamptz,
    kind text COLLATE "C" NOT NULL DEFAULT 'table',
    category text COLLATE "C",
    subject text COLLATE "C" NOT NULL GENERATED ALWAYS AS (coalesce(table_name, category)) STORED,
    CONSTRAINT retention_pkey PRIMARY KEY (kind, subject),
    CONSTRAINT kind_is_known CHECK (kind IN ('table', 'archive')),
    CONSTRAINT tables_are_named CHECK ((kind = 'table') = (table_name IS NOT NULL)),
    CONSTRAINT archives_are_of_a_category CHECK ((kind = 'archive') = (category IS NOT NULL)),
    CONSTRAINT barriers_are_never_archived CHECK (category NOT IN ('deployment', 'definition', 'tenant')),
    CONSTRAINT keep_is_not_negative CHECK (keep >= interval '0'),
    CONSTRAINT read_tables_are_kept_a_day CHECK (group_name IS NULL OR keep >= interval '1 day'),
    CONSTRAINT cutoff_is_a_days_start CHECK ((cutoff AT TIME ZONE 'UTC')::time = '00:00'),
    CONSTRAINT only_read_tables_have_a_cutoff CHECK (group_name IS NOT NULL OR cutoff IS NULL)
);
INSERT INTO runfold.retention (table_name, column_name, group_name, keep)
VALUES ('public.workflow_execution_logs', 'created_at', 'log', '30 days'),
       ('public.external_api_call_logs', 'called_at', NULL, '30 days'),
       -- Those that a summary covers, see runfold.expired_messages; and at their expires_at in any case.
       ('public.conversation_buffers', 'timestamp', NULL, '30 days'),
       ('public.document_store', 'expires_at', NULL, '0'),
       ('public.episodic_memory', 'expires_at', NULL, '0'),
       ('public.knowledge_facts', 'expires_at', NULL, '0');

INSERT INTO runfold.retention (kind, category, column_name)
VALUES ('archive', 'execution', 'recorded_at'), ('archive', 'log', 'recorded_at'), ('archive', 'interaction', 'recorded_at'),
       ('archive', 'response', 'recorded_at');

COMMENT ON TABLE runfold.retention IS
    'How long the rows of a table are kept, and up to where they were removed; and how long streams stay in the log.';
COMMENT ON COLUMN runfold.retention.kind IS 'table: rows are removed; archive: streams leave the log for the archive.';
COMMENT ON COLUMN runfold.retention.category IS 'Of an archive policy: the category of the streams.';
COMMENT ON COLUMN runfold.retention.subject IS 'The table, or the category.';
COMMENT ON COLUMN runfold.retention.table_name IS 'With its schema. A table that does not exist is passed over.';
COMMENT ON COLUMN runfold.retention.column_name IS 'The time by which a row expires: of its creation, or of its end.';
COMMENT ON COLUMN runfold.retention.group_name IS 'The group of projections that folds the table; NULL: it is no read table.';
COMMENT ON COLUMN runfold.retention.keep IS 'How long after that time a row is kept, or a stream stays in the log; NULL: for ever.';
COMMENT ON COLUMN runfold.retention.cutoff IS
    'Rows of a read table before it have expired: they are removed or will be, and nothing brings them back. It only grows.';
COMMENT ON COLUMN runfold.retention.ran_at IS 'When the last daily run over the table ended; at first, when the table was entered.';
COMMENT ON COLUMN runfold.retention.blocked_since IS
    'Since when a partition that has expired could not be locked to be dropped; NULL: none waits.';

GRANT SELECT ON runfold.retention TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, service_role;
GRANT UPDATE (keep) ON runfold.retention TO runfold_operator;

-- after the functions

CREATE TRIGGER cutoffs_only_grow BEFORE UPDATE OF cutoff ON runfold.retention
    FOR EACH ROW EXECUTE FUNCTION runfold.keep_cutoff();
