CREATE TABLE runfold.tracking (
    tracker text COLLATE "C" NOT NULL,
    application_name text COLLATE "C" NOT NULL,
    notification_id bigint NOT NULL,
    call_id uuid NOT NULL,
    CONSTRAINT tracking_pkey PRIMARY KEY (tracker, application_name)
) WITH (fillfactor = 50);

COMMENT ON TABLE runfold.tracking IS 'How far a tracker (a projection or a process) has followed the notifications of an application.';
COMMENT ON COLUMN runfold.tracking.call_id IS 'The call that recorded it: the same call sent again is not a conflict.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.tracking TO runfold_engine, runfold_operator, service_role;
