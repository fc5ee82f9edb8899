CREATE TABLE runfold.anomalies (
    position bigint NOT NULL,
    projection text NOT NULL,
    code text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    user_id uuid,
    detail jsonb NOT NULL,
    CONSTRAINT anomalies_pkey PRIMARY KEY (position, projection)
) PARTITION BY LIST (projection);
CREATE INDEX idx_anomalies_stream ON runfold.anomalies (stream_id, position);

-- One partition a group: each group folds its own, at its own checkpoint.
CREATE TABLE runfold.execution_anomalies PARTITION OF runfold.anomalies
    FOR VALUES IN ('workflow_executions', 'node_executions', 'workflow_execution_pauses', 'workflow_status');

CREATE TABLE runfold.interaction_anomalies PARTITION OF runfold.anomalies FOR VALUES IN ('human_interactions', 'hil_responses');

CREATE TABLE runfold.deployment_anomalies PARTITION OF runfold.anomalies
    FOR VALUES IN ('workflow_deployment_history', 'trigger_index');

COMMENT ON TABLE runfold.anomalies IS 'Events that came where the vocabulary does not allow them: a fold of the log.';
COMMENT ON TABLE runfold.execution_anomalies IS 'The anomalies of the execution group.';
COMMENT ON TABLE runfold.interaction_anomalies IS 'The anomalies of the interaction group.';
COMMENT ON TABLE runfold.deployment_anomalies IS 'The anomalies of the deployment group.';

GRANT SELECT ON runfold.anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.anomalies TO runfold_projector;
GRANT SELECT ON runfold.deployment_anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.deployment_anomalies TO runfold_projector;
GRANT SELECT ON runfold.execution_anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.execution_anomalies TO runfold_projector;
GRANT SELECT ON runfold.interaction_anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.interaction_anomalies TO runfold_projector;
