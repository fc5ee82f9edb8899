-- Trigger: keeps the columns of workflows that the log owns equal to workflow_status.
--
-- grant: nobody
CREATE FUNCTION runfold.keep_log_columns() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    truth public.workflow_status;
BEGIN
    SELECT * INTO truth FROM public.workflow_status s WHERE s.workflow_id = NEW.id;
    NEW.latest_execution_id := truth.latest_execution_id;
    NEW.latest_execution_status := coalesce(truth.latest_execution_status, 'IDLE');
    NEW.latest_execution_time := truth.latest_execution_time;
    NEW.deployment_status := coalesce(truth.deployment_status, 'IDLE');
    NEW.deployed_at := truth.deployed_at;
    -- A user may be gone, and the foreign key of workflows must not stop the projection.
    NEW.deployed_by := (SELECT u.id FROM auth.users u WHERE u.id = truth.deployed_by);
    NEW.undeployed_at := truth.undeployed_at;
    NEW.deployment_version := coalesce(truth.deployment_version, 1);
    NEW.deployment_config := coalesce(truth.deployment_config, '{}');
    RETURN NEW;
END
$$;
