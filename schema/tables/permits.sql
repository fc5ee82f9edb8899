-- Who may append a reserved event: nobody but functions of the owner, which note its id here, append it, and forget the id, all in
-- one transaction. A setting or a parameter could be given by anybody.
CREATE TABLE runfold.permits (
    event_id uuid PRIMARY KEY
);

COMMENT ON TABLE runfold.permits IS 'The ids of the reserved events that a function of ours appends at this moment; empty for everybody else.';

-- The exact check of a call looks here, whoever asks for it.
GRANT SELECT ON runfold.permits TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
