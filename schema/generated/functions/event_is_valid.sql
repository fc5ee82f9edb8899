-- Quick check of an event's data against the vocabulary, generated from the models.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.event_is_valid(category text, type text, stream_id text, data jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $valid$
BEGIN
    IF category = 'execution' THEN
        IF type = 'NodeScheduled' THEN
            IF coalesce((data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.node_type.type() == "string" && (!exists(@.node_name) || @.node_name.type() == "null" || @.node_name.type() == "string") && (!exists(@.node_subtype) || @.node_subtype.type() == "null" || @.node_subtype.type() == "string") && (!exists(@.max_retries) || @.max_retries.type() == "null" || @.max_retries.type() == "number" && @.max_retries >= 0 && @.max_retries <= 2147483647) && (!exists(@.iteration) || @.iteration.type() == "null" || @.iteration.type() == "number" && @.iteration >= 0 && @.iteration <= 2147483647) && (!exists(@.parent_activation) || @.parent_activation.type() == "null" || @.parent_activation.type() == "string" && @.parent_activation >= "!"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type', data ->> 'node_name', data ->> 'node_subtype', data ->> 'parent_activation')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'parent_activation') !~ '[^ -~]'
                AND strpos(concat(data ->> 'max_retries', data ->> 'iteration'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'node_type') ? (data ->> 'node_type')
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_subtype') IS NULL OR (data -> 'node_subtype') ? (data ->> 'node_subtype'))
                AND ((data ->> 'max_retries') IS NULL OR (data -> 'max_retries')::text::integer >= 0)
                AND ((data ->> 'iteration') IS NULL OR (data -> 'iteration')::text::integer >= 0)
                AND ((data ->> 'parent_activation') IS NULL OR (data -> 'parent_activation') ? (data ->> 'parent_activation')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, false)
                AND coalesce(length(data ->> 'node_name') <= 255, true)
                AND coalesce(length(data ->> 'node_subtype') <= 100, true)
                AND coalesce(length(data ->> 'parent_activation') <= 255 AND data ->> 'parent_activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'parent_activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeStarted' THEN
            IF coalesce((data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation,attempt,start_time,input_data}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.node_type.type() == "string" && (!exists(@.node_name) || @.node_name.type() == "null" || @.node_name.type() == "string") && (!exists(@.node_subtype) || @.node_subtype.type() == "null" || @.node_subtype.type() == "string") && (!exists(@.max_retries) || @.max_retries.type() == "null" || @.max_retries.type() == "number" && @.max_retries >= 0 && @.max_retries <= 2147483647) && (!exists(@.iteration) || @.iteration.type() == "null" || @.iteration.type() == "number" && @.iteration >= 0 && @.iteration <= 2147483647) && (!exists(@.parent_activation) || @.parent_activation.type() == "null" || @.parent_activation.type() == "string" && @.parent_activation >= "!") && @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647 && @.start_time.type() == "number" && @.start_time >= 0 && @.start_time <= 253402214399999)'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type', data ->> 'node_name', data ->> 'node_subtype', data ->> 'parent_activation')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'parent_activation') !~ '[^ -~]'
                AND strpos(concat(data ->> 'max_retries', data ->> 'iteration', data ->> 'attempt', data ->> 'start_time'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation,attempt,start_time,input_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'node_type') ? (data ->> 'node_type')
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_subtype') IS NULL OR (data -> 'node_subtype') ? (data ->> 'node_subtype'))
                AND ((data ->> 'max_retries') IS NULL OR (data -> 'max_retries')::text::integer >= 0)
                AND ((data ->> 'iteration') IS NULL OR (data -> 'iteration')::text::integer >= 0)
                AND ((data ->> 'parent_activation') IS NULL OR (data -> 'parent_activation') ? (data ->> 'parent_activation'))
                AND (data -> 'attempt')::text::integer >= 1
                AND (data -> 'start_time')::text::bigint >= 0 AND (data -> 'start_time')::text::bigint <= 253402214399999, false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, false)
                AND coalesce(length(data ->> 'node_name') <= 255, true)
                AND coalesce(length(data ->> 'node_subtype') <= 100, true)
                AND coalesce(length(data ->> 'parent_activation') <= 255 AND data ->> 'parent_activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'parent_activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeSucceeded' THEN
            IF coalesce((data - '{activation,node_id,node_type,attempt,end_time,output_data}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999)'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(concat(data ->> 'attempt', data ->> 'end_time'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,attempt,end_time,output_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        ELSIF type = 'ExecutionCreated' THEN
            IF coalesce((data - '{execution_id,workflow_id,mode,workflow_version,deployment_version,trigger_subtype,trigger_data,triggered_by,parent_execution_id,retry_of,metadata}'::text[]) = '{}'
                AND data @? '$ ? (@.execution_id.type() == "string" && @.execution_id >= "!" && @.mode.type() == "string" && (@.mode == "MANUAL" || @.mode == "TRIGGER" || @.mode == "WEBHOOK" || @.mode == "RETRY") && (!exists(@.workflow_version) || @.workflow_version.type() == "null" || @.workflow_version.type() == "string") && (!exists(@.deployment_version) || @.deployment_version.type() == "null" || @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647) && (!exists(@.trigger_subtype) || @.trigger_subtype.type() == "null" || @.trigger_subtype.type() == "string") && (!exists(@.trigger_data) || @.trigger_data.type() == "null" || @.trigger_data.type() == "object") && (!exists(@.triggered_by) || @.triggered_by.type() == "null" || @.triggered_by.type() == "string") && (!exists(@.parent_execution_id) || @.parent_execution_id.type() == "null" || @.parent_execution_id.type() == "string" && @.parent_execution_id >= "!") && (!exists(@.retry_of) || @.retry_of.type() == "null" || @.retry_of.type() == "string" && @.retry_of >= "!") && (!exists(@.metadata) || @.metadata.type() == "null" || @.metadata.type() == "object"))'
                AND octet_length(concat(data ->> 'execution_id', data ->> 'workflow_version', data ->> 'trigger_subtype', data ->> 'triggered_by', data ->> 'parent_execution_id', data ->> 'retry_of')) <= 50
                AND concat(data ->> 'execution_id', data ->> 'parent_execution_id', data ->> 'retry_of') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND 'execution-' || (data ->> 'execution_id') = stream_id, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{execution_id,workflow_id,mode,workflow_version,deployment_version,trigger_subtype,trigger_data,triggered_by,parent_execution_id,retry_of,metadata}'::text[]) = '{}'
                AND (data -> 'execution_id') ? (data ->> 'execution_id')
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data ->> 'mode') IN ('MANUAL', 'TRIGGER', 'WEBHOOK', 'RETRY')
                AND ((data ->> 'workflow_version') IS NULL OR (data -> 'workflow_version') ? (data ->> 'workflow_version'))
                AND ((data ->> 'deployment_version') IS NULL OR (data -> 'deployment_version')::text::integer >= 0)
                AND ((data ->> 'trigger_subtype') IS NULL OR (data -> 'trigger_subtype') ? (data ->> 'trigger_subtype'))
                AND ((data ->> 'trigger_data') IS NULL OR jsonb_typeof((data -> 'trigger_data')) = 'object')
                AND ((data ->> 'triggered_by') IS NULL OR (data -> 'triggered_by') ? (data ->> 'triggered_by'))
                AND ((data ->> 'parent_execution_id') IS NULL OR (data -> 'parent_execution_id') ? (data ->> 'parent_execution_id'))
                AND ((data ->> 'retry_of') IS NULL OR (data -> 'retry_of') ? (data ->> 'retry_of'))
                AND ((data ->> 'metadata') IS NULL OR jsonb_typeof((data -> 'metadata')) = 'object')
                AND 'execution-' || (data ->> 'execution_id') = stream_id, false)
                AND coalesce(length(data ->> 'execution_id') <= 255 AND data ->> 'execution_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'execution_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'workflow_version') <= 50, true)
                AND coalesce(length(data ->> 'trigger_subtype') <= 100, true)
                AND coalesce(length(data ->> 'triggered_by') <= 255, true)
                AND coalesce(length(data ->> 'parent_execution_id') <= 255 AND data ->> 'parent_execution_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'parent_execution_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'retry_of') <= 255 AND data ->> 'retry_of' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'retry_of', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionStarted' THEN
            IF coalesce((data - '{start_time}'::text[]) = '{}'
                AND data @? '$ ? (@.start_time.type() == "number" && @.start_time >= 0 && @.start_time <= 253402214399999)'
                AND strpos(coalesce(data ->> 'start_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{start_time}'::text[]) = '{}'
                AND (data -> 'start_time')::text::bigint >= 0 AND (data -> 'start_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionPaused' THEN
            IF coalesce((data - '{by,reason}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,reason}'::text[]) = '{}'
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionResumed' THEN
            IF coalesce((data - '{by,reason}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,reason}'::text[]) = '{}'
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionSucceeded' THEN
            IF coalesce((data - '{end_time,run_data}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999)'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,run_data}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionFailed' THEN
            IF coalesce((data - '{end_time,error_message,error_details,node_id}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && @.error_message.type() == "string" && (!exists(@.node_id) || @.node_id.type() == "null" || @.node_id.type() == "string" && @.node_id >= "!"))'
                AND octet_length(coalesce(data ->> 'node_id', '')) <= 255
                AND coalesce(data ->> 'node_id', '') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,error_message,error_details,node_id}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'error_message') ? (data ->> 'error_message')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id')), false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionCanceled' THEN
            IF coalesce((data - '{end_time,by,reason}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && (!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,by,reason}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionTimedOut' THEN
            IF coalesce((data - '{end_time}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999)'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionDeclaredLost' THEN
            IF coalesce((data - '{end_time,detector,last_seen}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && @.detector.type() == "string")'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0
                AND runfold.is_timestamp((data ->> 'last_seen')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,detector,last_seen}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'detector') ? (data ->> 'detector')
                AND runfold.is_timestamp((data ->> 'last_seen')), false);
        ELSIF type = 'ExecutionMetadataSet' THEN
            IF coalesce((data - '{metadata}'::text[]) = '{}'
                AND data @? '$ ? (@.metadata.type() == "object")', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{metadata}'::text[]) = '{}'
                AND jsonb_typeof((data -> 'metadata')) = 'object', false);
        ELSIF type = 'ExecutionTakenOver' THEN
            IF coalesce((data - '{engine,epoch,from_engine}'::text[]) = '{}'
                AND data @? '$ ? (@.engine.type() == "string" && @.engine >= "!" && @.epoch.type() == "number" && @.epoch >= 1 && @.epoch <= 2147483647 && (!exists(@.from_engine) || @.from_engine.type() == "null" || @.from_engine.type() == "string" && @.from_engine >= "!"))'
                AND octet_length(concat(data ->> 'engine', data ->> 'from_engine')) <= 255
                AND concat(data ->> 'engine', data ->> 'from_engine') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'epoch', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{engine,epoch,from_engine}'::text[]) = '{}'
                AND (data -> 'engine') ? (data ->> 'engine')
                AND (data -> 'epoch')::text::integer >= 1
                AND ((data ->> 'from_engine') IS NULL OR (data -> 'from_engine') ? (data ->> 'from_engine')), false)
                AND coalesce(length(data ->> 'engine') <= 255 AND data ->> 'engine' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'engine', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'from_engine') <= 255 AND data ->> 'from_engine' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'from_engine', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionSignaled' THEN
            IF coalesce((data - '{signal,data,by}'::text[]) = '{}'
                AND data @? '$ ? (@.signal.type() == "string" && @.signal >= "!" && (!exists(@.by) || @.by.type() == "null" || @.by.type() == "string"))'
                AND octet_length(coalesce(data ->> 'signal', '')) <= 255
                AND coalesce(data ->> 'signal', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{signal,data,by}'::text[]) = '{}'
                AND (data -> 'signal') ? (data ->> 'signal')
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by')), false)
                AND coalesce(length(data ->> 'signal') <= 255 AND data ->> 'signal' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'signal', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'SignalTaken' THEN
            IF coalesce((data - '{signal,version,key}'::text[]) = '{}'
                AND data @? '$ ? (@.signal.type() == "string" && @.signal >= "!" && @.version.type() == "number" && @.version >= 1 && @.version <= 2147483647 && (!exists(@.key) || @.key.type() == "null" || @.key.type() == "string" && @.key >= "!"))'
                AND octet_length(concat(data ->> 'signal', data ->> 'key')) <= 255
                AND concat(data ->> 'signal', data ->> 'key') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'version', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{signal,version,key}'::text[]) = '{}'
                AND (data -> 'signal') ? (data ->> 'signal')
                AND (data -> 'version')::text::integer >= 1
                AND ((data ->> 'key') IS NULL OR (data -> 'key') ? (data ->> 'key')), false)
                AND coalesce(length(data ->> 'signal') <= 255 AND data ->> 'signal' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'signal', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'key') <= 255 AND data ->> 'key' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'key', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ModelCalled' THEN
            IF coalesce((data - '{activation,provider,model_id,version,input_tokens,cached_tokens,output_tokens,latency_ms}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.activation) || @.activation.type() == "null" || @.activation.type() == "string" && @.activation >= "!") && @.provider.type() == "string" && @.provider >= "!" && @.model_id.type() == "string" && @.model_id >= "!" && (!exists(@.version) || @.version.type() == "null" || @.version.type() == "string" && @.version >= "!") && @.input_tokens.type() == "number" && @.input_tokens >= 0 && @.input_tokens <= 2147483647 && @.cached_tokens.type() == "number" && @.cached_tokens >= 0 && @.cached_tokens <= 2147483647 && @.output_tokens.type() == "number" && @.output_tokens >= 0 && @.output_tokens <= 2147483647 && (!exists(@.latency_ms) || @.latency_ms.type() == "null" || @.latency_ms.type() == "number" && @.latency_ms >= 0 && @.latency_ms <= 2147483647))'
                AND octet_length(concat(data ->> 'activation', data ->> 'provider', data ->> 'model_id', data ->> 'version')) <= 50
                AND concat(data ->> 'activation', data ->> 'provider', data ->> 'model_id', data ->> 'version') !~ '[^ -~]'
                AND strpos(concat(data ->> 'input_tokens', data ->> 'cached_tokens', data ->> 'output_tokens', data ->> 'latency_ms'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,provider,model_id,version,input_tokens,cached_tokens,output_tokens,latency_ms}'::text[]) = '{}'
                AND ((data ->> 'activation') IS NULL OR (data -> 'activation') ? (data ->> 'activation'))
                AND (data -> 'provider') ? (data ->> 'provider')
                AND (data -> 'model_id') ? (data ->> 'model_id')
                AND ((data ->> 'version') IS NULL OR (data -> 'version') ? (data ->> 'version'))
                AND (data -> 'input_tokens')::text::integer >= 0
                AND (data -> 'cached_tokens')::text::integer >= 0
                AND (data -> 'output_tokens')::text::integer >= 0
                AND ((data ->> 'latency_ms') IS NULL OR (data -> 'latency_ms')::text::integer >= 0), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'provider') <= 50 AND data ->> 'provider' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'provider', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'model_id') <= 100 AND data ->> 'model_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'model_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'version') <= 50 AND data ->> 'version' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'version', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeAttemptFailed' THEN
            IF coalesce((data - '{activation,node_id,attempt,error_data,will_retry,next_retry_at}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647 && @.error_data.type() != "null" && @.will_retry.type() == "boolean")'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'attempt', ''), '.') = 0
                AND ((data ->> 'next_retry_at') IS NULL OR runfold.is_timestamp((data ->> 'next_retry_at'))), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,error_data,will_retry,next_retry_at}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'attempt')::text::integer >= 1
                AND (data ->> 'error_data') IS NOT NULL
                AND jsonb_typeof((data -> 'will_retry')) = 'boolean'
                AND ((data ->> 'next_retry_at') IS NULL OR runfold.is_timestamp((data ->> 'next_retry_at'))), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'NodeWaiting' THEN
            IF coalesce((data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && (!exists(@.pause) || @.pause.type() == "null" || @.pause.type() == "string" && @.pause >= "!"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'attempt', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeContinued' THEN
            IF coalesce((data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && (!exists(@.pause) || @.pause.type() == "null" || @.pause.type() == "string" && @.pause >= "!"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'attempt', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeFailed' THEN
            IF coalesce((data - '{activation,node_id,attempt,end_time,error_data}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && @.error_data.type() != "null")'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(concat(data ->> 'attempt', data ->> 'end_time'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,end_time,error_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data ->> 'error_data') IS NOT NULL, false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'NodeSkipped' THEN
            IF coalesce((data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        ELSIF type = 'NodeCanceled' THEN
            IF coalesce((data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        ELSIF type = 'PauseOpened' THEN
            IF coalesce((data - '{pause,paused_node_id,activation,pause_reason,paused_at,resume_conditions,interaction_id,timeout_at}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!" && @.paused_node_id.type() == "string" && @.paused_node_id >= "!" && (!exists(@.activation) || @.activation.type() == "null" || @.activation.type() == "string" && @.activation >= "!") && @.pause_reason.type() == "string" && (@.pause_reason == "human_interaction" || @.pause_reason == "timeout" || @.pause_reason == "error" || @.pause_reason == "manual" || @.pause_reason == "timer") && @.resume_conditions.type() == "object")'
                AND octet_length(concat(data ->> 'pause', data ->> 'paused_node_id', data ->> 'activation')) <= 255
                AND concat(data ->> 'pause', data ->> 'paused_node_id', data ->> 'activation') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'paused_at'))
                AND ((data ->> 'interaction_id') IS NULL OR runfold.is_uuid((data ->> 'interaction_id')))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at'))), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,paused_node_id,activation,pause_reason,paused_at,resume_conditions,interaction_id,timeout_at}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND (data -> 'paused_node_id') ? (data ->> 'paused_node_id')
                AND ((data ->> 'activation') IS NULL OR (data -> 'activation') ? (data ->> 'activation'))
                AND (data ->> 'pause_reason') IN ('human_interaction', 'timeout', 'error', 'manual', 'timer')
                AND runfold.is_timestamp((data ->> 'paused_at'))
                AND jsonb_typeof((data -> 'resume_conditions')) = 'object'
                AND ((data ->> 'interaction_id') IS NULL OR runfold.is_uuid((data ->> 'interaction_id')))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at'))), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'paused_node_id') <= 255 AND data ->> 'paused_node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'paused_node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'PauseResumed' THEN
            IF coalesce((data - '{pause,resumed_at,resume_trigger,data}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!" && @.resume_trigger.type() == "string")'
                AND octet_length(concat(data ->> 'pause', data ->> 'resume_trigger')) <= 100
                AND coalesce(data ->> 'pause', '') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'resumed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,resumed_at,resume_trigger,data}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'resumed_at'))
                AND (data -> 'resume_trigger') ? (data ->> 'resume_trigger'), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'resume_trigger') <= 100, false);
        ELSIF type = 'PauseTimedOut' THEN
            IF coalesce((data - '{pause,at,action}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!" && @.action.type() == "string")'
                AND octet_length(coalesce(data ->> 'pause', '')) <= 255
                AND coalesce(data ->> 'pause', '') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at,action}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action'), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'PauseCanceled' THEN
            IF coalesce((data - '{pause,at}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!")'
                AND octet_length(coalesce(data ->> 'pause', '')) <= 255
                AND coalesce(data ->> 'pause', '') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at')), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        END IF;
    ELSIF category = 'log' THEN
        IF type = 'LogAppended' THEN
            IF coalesce((data - '{level,event_type,message,log_category,data,node_id,node_name,node_type,step_number,total_steps,progress_percentage,duration_seconds,user_friendly_message,display_priority,is_milestone,technical_details,stack_trace,performance_metrics}'::text[]) = '{}'
                AND data @? '$ ? (@.level.type() == "string" && (@.level == "DEBUG" || @.level == "INFO" || @.level == "WARNING" || @.level == "ERROR") && @.event_type.type() == "string" && (@.event_type == "workflow_started" || @.event_type == "workflow_completed" || @.event_type == "workflow_progress" || @.event_type == "step_started" || @.event_type == "step_input" || @.event_type == "step_output" || @.event_type == "step_completed" || @.event_type == "step_error" || @.event_type == "separator") && @.message.type() == "string" && (!exists(@.log_category) || @.log_category.type() == "null" || @.log_category.type() == "string" && (@.log_category == "TECHNICAL" || @.log_category == "BUSINESS")) && (!exists(@.data) || @.data.type() == "null" || @.data.type() == "object") && (!exists(@.node_id) || @.node_id.type() == "null" || @.node_id.type() == "string" && @.node_id >= "!") && (!exists(@.node_name) || @.node_name.type() == "null" || @.node_name.type() == "string") && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && (!exists(@.step_number) || @.step_number.type() == "null" || @.step_number.type() == "number" && @.step_number >= 0 && @.step_number <= 2147483647) && (!exists(@.total_steps) || @.total_steps.type() == "null" || @.total_steps.type() == "number" && @.total_steps >= 0 && @.total_steps <= 2147483647) && (!exists(@.progress_percentage) || @.progress_percentage.type() == "null" || @.progress_percentage.type() == "number" && @.progress_percentage >= 0 && @.progress_percentage <= 100) && (!exists(@.duration_seconds) || @.duration_seconds.type() == "null" || @.duration_seconds.type() == "number" && @.duration_seconds >= 0 && @.duration_seconds <= 2147483647) && (!exists(@.user_friendly_message) || @.user_friendly_message.type() == "null" || @.user_friendly_message.type() == "string") && (!exists(@.display_priority) || @.display_priority.type() == "null" || @.display_priority.type() == "number" && @.display_priority >= 1 && @.display_priority <= 10) && (!exists(@.is_milestone) || @.is_milestone.type() == "null" || @.is_milestone.type() == "boolean") && (!exists(@.technical_details) || @.technical_details.type() == "null" || @.technical_details.type() == "object") && (!exists(@.stack_trace) || @.stack_trace.type() == "null" || @.stack_trace.type() == "string") && (!exists(@.performance_metrics) || @.performance_metrics.type() == "null" || @.performance_metrics.type() == "object"))'
                AND octet_length(concat(data ->> 'node_id', data ->> 'node_name', data ->> 'node_type')) <= 100
                AND coalesce(data ->> 'node_id', '') !~ '[^ -~]'
                AND strpos(concat(data ->> 'step_number', data ->> 'total_steps', data ->> 'duration_seconds', data ->> 'display_priority'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{level,event_type,message,log_category,data,node_id,node_name,node_type,step_number,total_steps,progress_percentage,duration_seconds,user_friendly_message,display_priority,is_milestone,technical_details,stack_trace,performance_metrics}'::text[]) = '{}'
                AND (data ->> 'level') IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')
                AND (data ->> 'event_type') IN ('workflow_started', 'workflow_completed', 'workflow_progress', 'step_started', 'step_input', 'step_output', 'step_completed', 'step_error', 'separator')
                AND (data -> 'message') ? (data ->> 'message')
                AND ((data ->> 'log_category') IS NULL OR (data ->> 'log_category') IN ('TECHNICAL', 'BUSINESS'))
                AND ((data ->> 'data') IS NULL OR jsonb_typeof((data -> 'data')) = 'object')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id'))
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND ((data ->> 'step_number') IS NULL OR (data -> 'step_number')::text::integer >= 0)
                AND ((data ->> 'total_steps') IS NULL OR (data -> 'total_steps')::text::integer >= 0)
                AND ((data ->> 'progress_percentage') IS NULL OR (data -> 'progress_percentage') BETWEEN '0' AND '100')
                AND ((data ->> 'duration_seconds') IS NULL OR (data -> 'duration_seconds')::text::integer >= 0)
                AND ((data ->> 'user_friendly_message') IS NULL OR (data -> 'user_friendly_message') ? (data ->> 'user_friendly_message'))
                AND ((data ->> 'display_priority') IS NULL OR (data -> 'display_priority')::text::integer >= 1 AND (data -> 'display_priority')::text::integer <= 10)
                AND ((data ->> 'is_milestone') IS NULL OR jsonb_typeof((data -> 'is_milestone')) = 'boolean')
                AND ((data ->> 'technical_details') IS NULL OR jsonb_typeof((data -> 'technical_details')) = 'object')
                AND ((data ->> 'stack_trace') IS NULL OR (data -> 'stack_trace') ? (data ->> 'stack_trace'))
                AND ((data ->> 'performance_metrics') IS NULL OR jsonb_typeof((data -> 'performance_metrics')) = 'object'), false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'node_name') <= 255, true)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        END IF;
    ELSIF category = 'interaction' THEN
        IF type = 'InteractionRequested' THEN
            IF coalesce((data - '{workflow_id,execution_id,node_id,interaction_type,channel_type,priority,request_data,timeout_at,correlation_id,tags,pause}'::text[]) = '{}'
                AND data @? '$ ? (@.execution_id.type() == "string" && @.execution_id >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.interaction_type.type() == "string" && (@.interaction_type == "approval" || @.interaction_type == "input" || @.interaction_type == "selection" || @.interaction_type == "review") && @.channel_type.type() == "string" && (@.channel_type == "slack" || @.channel_type == "email" || @.channel_type == "webhook" || @.channel_type == "in_app") && @.priority.type() == "string" && (@.priority == "low" || @.priority == "normal" || @.priority == "high" || @.priority == "critical") && @.request_data.type() == "object" && (!exists(@.correlation_id) || @.correlation_id.type() == "null" || @.correlation_id.type() == "string") && (!exists(@.pause) || @.pause.type() == "null" || @.pause.type() == "string" && @.pause >= "!"))'
                AND octet_length(concat(data ->> 'execution_id', data ->> 'node_id', data ->> 'correlation_id', data ->> 'pause')) <= 255
                AND concat(data ->> 'execution_id', data ->> 'node_id', data ->> 'pause') !~ '[^ -~]'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at')))
                AND ((data ->> 'tags') IS NULL OR jsonb_typeof((data -> 'tags')) = 'array' AND NOT jsonb_path_exists((data -> 'tags'), 'strict $[*] ? (@.type() != "string")')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{workflow_id,execution_id,node_id,interaction_type,channel_type,priority,request_data,timeout_at,correlation_id,tags,pause}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data -> 'execution_id') ? (data ->> 'execution_id')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data ->> 'interaction_type') IN ('approval', 'input', 'selection', 'review')
                AND (data ->> 'channel_type') IN ('slack', 'email', 'webhook', 'in_app')
                AND (data ->> 'priority') IN ('low', 'normal', 'high', 'critical')
                AND jsonb_typeof((data -> 'request_data')) = 'object'
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at')))
                AND ((data ->> 'correlation_id') IS NULL OR (data -> 'correlation_id') ? (data ->> 'correlation_id'))
                AND ((data ->> 'tags') IS NULL OR jsonb_typeof((data -> 'tags')) = 'array' AND NOT jsonb_path_exists((data -> 'tags'), 'strict $[*] ? (@.type() != "string")'))
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause')), false)
                AND coalesce(length(data ->> 'execution_id') <= 255 AND data ->> 'execution_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'execution_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'correlation_id') <= 255, true)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'InteractionNotified' THEN
            IF coalesce((data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'InteractionReminderSent' THEN
            IF coalesce((data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'InteractionResponded' THEN
            IF coalesce((data - '{response_id,response_data,responded_at,responder}'::text[]) = '{}'
                AND data @? '$ ? (@.response_data.type() != "null" && (!exists(@.responder) || @.responder.type() == "null" || @.responder.type() == "string"))'
                AND ((data ->> 'response_id') IS NULL OR runfold.is_uuid((data ->> 'response_id')))
                AND runfold.is_timestamp((data ->> 'responded_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{response_id,response_data,responded_at,responder}'::text[]) = '{}'
                AND ((data ->> 'response_id') IS NULL OR runfold.is_uuid((data ->> 'response_id')))
                AND (data ->> 'response_data') IS NOT NULL
                AND runfold.is_timestamp((data ->> 'responded_at'))
                AND ((data ->> 'responder') IS NULL OR (data -> 'responder') ? (data ->> 'responder')), false);
        ELSIF type = 'InteractionTimedOut' THEN
            IF coalesce((data - '{at,action}'::text[]) = '{}'
                AND data @? '$ ? (@.action.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,action}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action'), false);
        ELSIF type = 'InteractionFailed' THEN
            IF coalesce((data - '{at,error}'::text[]) = '{}'
                AND data @? '$ ? (@.error.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,error}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'error') ? (data ->> 'error'), false);
        ELSIF type = 'InteractionReopened' THEN
            IF coalesce((data - '{at,by}'::text[]) = '{}'
                AND data @? '$ ? (@.by.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'by') ? (data ->> 'by'), false);
        ELSIF type = 'InteractionCanceled' THEN
            IF coalesce((data - '{at,by,reason}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by,reason}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        END IF;
    ELSIF category = 'response' THEN
        IF type = 'ResponseReceived' THEN
            IF coalesce((data - '{workflow_id,source_channel,raw_payload,headers,received_at}'::text[]) = '{}'
                AND data @? '$ ? (@.source_channel.type() == "string" && (@.source_channel == "slack" || @.source_channel == "email" || @.source_channel == "webhook" || @.source_channel == "in_app") && @.raw_payload.type() != "null" && (!exists(@.headers) || @.headers.type() == "null" || @.headers.type() == "object"))'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND runfold.is_timestamp((data ->> 'received_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{workflow_id,source_channel,raw_payload,headers,received_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data ->> 'source_channel') IN ('slack', 'email', 'webhook', 'in_app')
                AND (data ->> 'raw_payload') IS NOT NULL
                AND ((data ->> 'headers') IS NULL OR jsonb_typeof((data -> 'headers')) = 'object')
                AND runfold.is_timestamp((data ->> 'received_at')), false);
        ELSIF type = 'ResponseMatched' THEN
            IF coalesce((data - '{interaction_id,ai_relevance_score,ai_reasoning,processed_at,classifier}'::text[]) = '{}'
                AND data @? '$ ? (@.ai_relevance_score.type() == "number" && @.ai_relevance_score >= 0 && @.ai_relevance_score <= 1 && @.ai_reasoning.type() == "string" && (!exists(@.classifier) || @.classifier.type() == "null" || @.classifier.type() == "string"))'
                AND runfold.is_uuid((data ->> 'interaction_id'))
                AND runfold.is_timestamp((data ->> 'processed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{interaction_id,ai_relevance_score,ai_reasoning,processed_at,classifier}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'interaction_id'))
                AND (data -> 'ai_relevance_score') BETWEEN '0' AND '1'
                AND (data -> 'ai_reasoning') ? (data ->> 'ai_reasoning')
                AND runfold.is_timestamp((data ->> 'processed_at'))
                AND ((data ->> 'classifier') IS NULL OR (data -> 'classifier') ? (data ->> 'classifier')), false);
        ELSIF type = 'ResponseFilteredOut' THEN
            IF coalesce((data - '{ai_relevance_score,ai_reasoning,processed_at}'::text[]) = '{}'
                AND data @? '$ ? (@.ai_relevance_score.type() == "number" && @.ai_relevance_score >= 0 && @.ai_relevance_score <= 1 && @.ai_reasoning.type() == "string")'
                AND runfold.is_timestamp((data ->> 'processed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{ai_relevance_score,ai_reasoning,processed_at}'::text[]) = '{}'
                AND (data -> 'ai_relevance_score') BETWEEN '0' AND '1'
                AND (data -> 'ai_reasoning') ? (data ->> 'ai_reasoning')
                AND runfold.is_timestamp((data ->> 'processed_at')), false);
        ELSIF type = 'ResponseErrored' THEN
            IF coalesce((data - '{error,processed_at}'::text[]) = '{}'
                AND data @? '$ ? (@.error.type() == "string")'
                AND runfold.is_timestamp((data ->> 'processed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{error,processed_at}'::text[]) = '{}'
                AND (data -> 'error') ? (data ->> 'error')
                AND runfold.is_timestamp((data ->> 'processed_at')), false);
        ELSIF type = 'ResponseReopened' THEN
            IF coalesce((data - '{by,at}'::text[]) = '{}'
                AND data @? '$ ? (@.by.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,at}'::text[]) = '{}'
                AND (data -> 'by') ? (data ->> 'by')
                AND runfold.is_timestamp((data ->> 'at')), false);
        END IF;
    ELSIF category = 'deployment' THEN
        IF type = 'DeploymentStarted' THEN
            IF coalesce((data - '{deployment_id,deployment_action,from_status,to_status,deployment_version,deployment_config,definition,definition_digest,triggered_by,started_at}'::text[]) = '{}'
                AND data @? '$ ? (@.deployment_action.type() == "string" && (@.deployment_action == "DEPLOY" || @.deployment_action == "UPDATE" || @.deployment_action == "ROLLBACK" || @.deployment_action == "UNDEPLOY") && @.from_status.type() == "string" && (@.from_status == "IDLE" || @.from_status == "DEPLOYING" || @.from_status == "DEPLOYED" || @.from_status == "DEPLOYMENT_FAILED" || @.from_status == "UNDEPLOYING" || @.from_status == "UNDEPLOYED") && @.to_status.type() == "string" && (@.to_status == "IDLE" || @.to_status == "DEPLOYING" || @.to_status == "DEPLOYED" || @.to_status == "DEPLOYMENT_FAILED" || @.to_status == "UNDEPLOYING" || @.to_status == "UNDEPLOYED") && @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647 && @.deployment_config.type() == "object" && (!exists(@.definition) || @.definition.type() == "null" || @.definition.type() == "object") && (!exists(@.definition_digest) || @.definition_digest.type() == "null" || @.definition_digest.type() == "string"))'
                AND octet_length(coalesce(data ->> 'definition_digest', '')) <= 100
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'started_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,from_status,to_status,deployment_version,deployment_config,definition,definition_digest,triggered_by,started_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'from_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'definition') IS NULL OR jsonb_typeof((data -> 'definition')) = 'object')
                AND ((data ->> 'definition_digest') IS NULL OR (data -> 'definition_digest') ? (data ->> 'definition_digest'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'started_at')), false)
                AND coalesce(length(data ->> 'definition_digest') <= 100, true);
        ELSIF type = 'DeploymentLogAppended' THEN
            IF coalesce((data - '{deployment_id,level,message,at}'::text[]) = '{}'
                AND data @? '$ ? (@.level.type() == "string" && (@.level == "DEBUG" || @.level == "INFO" || @.level == "WARNING" || @.level == "ERROR") && @.message.type() == "string")'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,level,message,at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'level') IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')
                AND (data -> 'message') ? (data ->> 'message')
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'DeploymentCompleted' THEN
            IF coalesce((data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at}'::text[]) = '{}'
                AND data @? '$ ? (@.deployment_action.type() == "string" && (@.deployment_action == "DEPLOY" || @.deployment_action == "UPDATE" || @.deployment_action == "ROLLBACK" || @.deployment_action == "UNDEPLOY") && @.to_status.type() == "string" && (@.to_status == "IDLE" || @.to_status == "DEPLOYING" || @.to_status == "DEPLOYED" || @.to_status == "DEPLOYMENT_FAILED" || @.to_status == "UNDEPLOYING" || @.to_status == "UNDEPLOYED") && @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647 && @.deployment_config.type() == "object")'
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at')), false);
        ELSIF type = 'DeploymentFailed' THEN
            IF coalesce((data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at,error_message}'::text[]) = '{}'
                AND data @? '$ ? (@.deployment_action.type() == "string" && (@.deployment_action == "DEPLOY" || @.deployment_action == "UPDATE" || @.deployment_action == "ROLLBACK" || @.deployment_action == "UNDEPLOY") && @.to_status.type() == "string" && (@.to_status == "IDLE" || @.to_status == "DEPLOYING" || @.to_status == "DEPLOYED" || @.to_status == "DEPLOYMENT_FAILED" || @.to_status == "UNDEPLOYING" || @.to_status == "UNDEPLOYED") && @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647 && @.deployment_config.type() == "object" && @.error_message.type() == "string")'
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at,error_message}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at'))
                AND (data -> 'error_message') ? (data ->> 'error_message'), false);
        ELSIF type = 'TriggerRegistered' THEN
            IF coalesce((data - '{trigger,node_id,trigger_subtype,trigger_config,index_key}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!" && (!exists(@.node_id) || @.node_id.type() == "null" || @.node_id.type() == "string" && @.node_id >= "!") && @.trigger_subtype.type() == "string" && (@.trigger_subtype == "CRON" || @.trigger_subtype == "MANUAL" || @.trigger_subtype == "WEBHOOK" || @.trigger_subtype == "EMAIL" || @.trigger_subtype == "GITHUB" || @.trigger_subtype == "SLACK") && @.trigger_config.type() == "object" && @.index_key.type() == "string")'
                AND octet_length(concat(data ->> 'trigger', data ->> 'node_id', data ->> 'index_key')) <= 255
                AND concat(data ->> 'trigger', data ->> 'node_id') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger,node_id,trigger_subtype,trigger_config,index_key}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id'))
                AND (data ->> 'trigger_subtype') IN ('CRON', 'MANUAL', 'WEBHOOK', 'EMAIL', 'GITHUB', 'SLACK')
                AND jsonb_typeof((data -> 'trigger_config')) = 'object'
                AND (data -> 'index_key') ? (data ->> 'index_key'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'index_key') <= 255, false);
        ELSIF type = 'TriggerActivated' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerDeactivated' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerFailed' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerRemoved' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        END IF;
    END IF;
    RETURN false;
END
$valid$;
