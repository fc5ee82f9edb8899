-- Quick check of an event's data against the vocabulary, generated from the models.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.event_is_valid(category text, type text, stream_id text, data jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $valid$
BEGIN
    IF category = 'execution' THEN
        IF type = 'NodeScheduled' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'node_type') ? (data ->> 'node_type')
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_subtype') IS NULL OR (data -> 'node_subtype') ? (data ->> 'node_subtype'))
                AND ((data ->> 'max_retries') IS NULL OR (data -> 'max_retries')::text::integer >= 0)
                AND ((data ->> 'iteration') IS NULL OR (data -> 'iteration')::text::integer >= 0)
                AND ((data ->> 'parent_activation') IS NULL OR (data -> 'parent_activation') ? (data ->> 'parent_activation'))
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type', data ->> 'node_name', data ->> 'node_subtype', data ->> 'parent_activation')) <= 100 AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'parent_activation') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '' AND coalesce(data ->> 'parent_activation' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
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
                AND (data -> 'start_time')::text::bigint >= 0 AND (data -> 'start_time')::text::bigint <= 253402214399999
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type', data ->> 'node_name', data ->> 'node_subtype', data ->> 'parent_activation')) <= 100 AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'parent_activation') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '' AND coalesce(data ->> 'parent_activation' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,attempt,end_time,output_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100 AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
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
                AND 'execution-' || (data ->> 'execution_id') = stream_id
                AND octet_length(concat(data ->> 'execution_id', data ->> 'workflow_version', data ->> 'trigger_subtype', data ->> 'triggered_by', data ->> 'parent_execution_id', data ->> 'retry_of')) <= 50 AND concat(data ->> 'execution_id', data ->> 'parent_execution_id', data ->> 'retry_of') !~ '[^!-~]' AND data ->> 'execution_id' <> '' AND coalesce(data ->> 'parent_execution_id' <> '', true) AND coalesce(data ->> 'retry_of' <> '', true), false) THEN
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
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{start_time}'::text[]) = '{}'
                AND (data -> 'start_time')::text::bigint >= 0 AND (data -> 'start_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionPaused' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,reason}'::text[]) = '{}'
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionResumed' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,reason}'::text[]) = '{}'
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionSucceeded' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,run_data}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionFailed' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,error_message,error_details,node_id}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'error_message') ? (data ->> 'error_message')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id'))
                AND octet_length(coalesce(data ->> 'node_id', '')) <= 255 AND coalesce(data ->> 'node_id', '') !~ '[^!-~]' AND coalesce(data ->> 'node_id' <> '', true), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,error_message,error_details,node_id}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'error_message') ? (data ->> 'error_message')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id')), false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionCanceled' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,by,reason}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionTimedOut' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionDeclaredLost' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,detector,last_seen}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'detector') ? (data ->> 'detector')
                AND runfold.is_timestamp((data ->> 'last_seen')), false);
        ELSIF type = 'ExecutionMetadataSet' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{metadata}'::text[]) = '{}'
                AND jsonb_typeof((data -> 'metadata')) = 'object', false);
        ELSIF type = 'NodeAttemptFailed' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,error_data,will_retry,next_retry_at}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'attempt')::text::integer >= 1
                AND (data ->> 'error_data') IS NOT NULL
                AND jsonb_typeof((data -> 'will_retry')) = 'boolean'
                AND ((data ->> 'next_retry_at') IS NULL OR runfold.is_timestamp((data ->> 'next_retry_at')))
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id')) <= 255 AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause'))
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause')) <= 255 AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '' AND coalesce(data ->> 'pause' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause'))
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause')) <= 255 AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '' AND coalesce(data ->> 'pause' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,end_time,error_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data ->> 'error_data') IS NOT NULL
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id')) <= 255 AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason'))
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100 AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason'))
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100 AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^!-~]' AND data ->> 'activation' <> '' AND data ->> 'node_id' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,paused_node_id,activation,pause_reason,paused_at,resume_conditions,interaction_id,timeout_at}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND (data -> 'paused_node_id') ? (data ->> 'paused_node_id')
                AND ((data ->> 'activation') IS NULL OR (data -> 'activation') ? (data ->> 'activation'))
                AND (data ->> 'pause_reason') IN ('human_interaction', 'timeout', 'error', 'manual', 'timer')
                AND runfold.is_timestamp((data ->> 'paused_at'))
                AND jsonb_typeof((data -> 'resume_conditions')) = 'object'
                AND ((data ->> 'interaction_id') IS NULL OR runfold.is_uuid((data ->> 'interaction_id')))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at')))
                AND octet_length(concat(data ->> 'pause', data ->> 'paused_node_id', data ->> 'activation')) <= 255 AND concat(data ->> 'pause', data ->> 'paused_node_id', data ->> 'activation') !~ '[^!-~]' AND data ->> 'pause' <> '' AND data ->> 'paused_node_id' <> '' AND coalesce(data ->> 'activation' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,resumed_at,resume_trigger,data}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'resumed_at'))
                AND (data -> 'resume_trigger') ? (data ->> 'resume_trigger')
                AND octet_length(concat(data ->> 'pause', data ->> 'resume_trigger')) <= 100 AND coalesce(data ->> 'pause', '') !~ '[^!-~]' AND data ->> 'pause' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at,action}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action')
                AND octet_length(coalesce(data ->> 'pause', '')) <= 255 AND coalesce(data ->> 'pause', '') !~ '[^!-~]' AND data ->> 'pause' <> '', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at,action}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action'), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'PauseCanceled' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at'))
                AND octet_length(coalesce(data ->> 'pause', '')) <= 255 AND coalesce(data ->> 'pause', '') !~ '[^!-~]' AND data ->> 'pause' <> '', false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
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
                AND ((data ->> 'performance_metrics') IS NULL OR jsonb_typeof((data -> 'performance_metrics')) = 'object')
                AND octet_length(concat(data ->> 'node_id', data ->> 'node_name', data ->> 'node_type')) <= 100 AND coalesce(data ->> 'node_id', '') !~ '[^!-~]' AND coalesce(data ->> 'node_id' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
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
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause'))
                AND octet_length(concat(data ->> 'execution_id', data ->> 'node_id', data ->> 'correlation_id', data ->> 'pause')) <= 255 AND concat(data ->> 'execution_id', data ->> 'node_id', data ->> 'pause') !~ '[^!-~]' AND data ->> 'execution_id' <> '' AND data ->> 'node_id' <> '' AND coalesce(data ->> 'pause' <> '', true), false) THEN
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
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'InteractionReminderSent' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'InteractionResponded' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{response_id,response_data,responded_at,responder}'::text[]) = '{}'
                AND ((data ->> 'response_id') IS NULL OR runfold.is_uuid((data ->> 'response_id')))
                AND (data ->> 'response_data') IS NOT NULL
                AND runfold.is_timestamp((data ->> 'responded_at'))
                AND ((data ->> 'responder') IS NULL OR (data -> 'responder') ? (data ->> 'responder')), false);
        ELSIF type = 'InteractionTimedOut' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,action}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action'), false);
        ELSIF type = 'InteractionFailed' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,error}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'error') ? (data ->> 'error'), false);
        ELSIF type = 'InteractionReopened' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'by') ? (data ->> 'by'), false);
        ELSIF type = 'InteractionCanceled' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by,reason}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        END IF;
    ELSIF category = 'response' THEN
        IF type = 'ResponseReceived' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{workflow_id,source_channel,raw_payload,headers,received_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data ->> 'source_channel') IN ('slack', 'email', 'webhook', 'in_app')
                AND (data ->> 'raw_payload') IS NOT NULL
                AND ((data ->> 'headers') IS NULL OR jsonb_typeof((data -> 'headers')) = 'object')
                AND runfold.is_timestamp((data ->> 'received_at')), false);
        ELSIF type = 'ResponseMatched' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{interaction_id,ai_relevance_score,ai_reasoning,processed_at,classifier}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'interaction_id'))
                AND (data -> 'ai_relevance_score') BETWEEN '0' AND '1'
                AND (data -> 'ai_reasoning') ? (data ->> 'ai_reasoning')
                AND runfold.is_timestamp((data ->> 'processed_at'))
                AND ((data ->> 'classifier') IS NULL OR (data -> 'classifier') ? (data ->> 'classifier')), false);
        ELSIF type = 'ResponseFilteredOut' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{ai_relevance_score,ai_reasoning,processed_at}'::text[]) = '{}'
                AND (data -> 'ai_relevance_score') BETWEEN '0' AND '1'
                AND (data -> 'ai_reasoning') ? (data ->> 'ai_reasoning')
                AND runfold.is_timestamp((data ->> 'processed_at')), false);
        ELSIF type = 'ResponseErrored' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{error,processed_at}'::text[]) = '{}'
                AND (data -> 'error') ? (data ->> 'error')
                AND runfold.is_timestamp((data ->> 'processed_at')), false);
        ELSIF type = 'ResponseReopened' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,at}'::text[]) = '{}'
                AND (data -> 'by') ? (data ->> 'by')
                AND runfold.is_timestamp((data ->> 'at')), false);
        END IF;
    ELSIF category = 'deployment' THEN
        IF type = 'DeploymentStarted' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,from_status,to_status,deployment_version,deployment_config,definition,triggered_by,started_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'from_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'definition') IS NULL OR jsonb_typeof((data -> 'definition')) = 'object')
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'started_at')), false);
        ELSIF type = 'DeploymentLogAppended' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,level,message,at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'level') IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')
                AND (data -> 'message') ? (data ->> 'message')
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'DeploymentCompleted' THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger,node_id,trigger_subtype,trigger_config,index_key}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id'))
                AND (data ->> 'trigger_subtype') IN ('CRON', 'MANUAL', 'WEBHOOK', 'EMAIL', 'GITHUB', 'SLACK')
                AND jsonb_typeof((data -> 'trigger_config')) = 'object'
                AND (data -> 'index_key') ? (data ->> 'index_key')
                AND octet_length(concat(data ->> 'trigger', data ->> 'node_id', data ->> 'index_key')) <= 255 AND concat(data ->> 'trigger', data ->> 'node_id') !~ '[^!-~]' AND data ->> 'trigger' <> '' AND coalesce(data ->> 'node_id' <> '', true), false) THEN
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
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255 AND coalesce(data ->> 'trigger', '') !~ '[^!-~]' AND data ->> 'trigger' <> '', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerDeactivated' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255 AND coalesce(data ->> 'trigger', '') !~ '[^!-~]' AND data ->> 'trigger' <> '', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerFailed' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255 AND coalesce(data ->> 'trigger', '') !~ '[^!-~]' AND data ->> 'trigger' <> '', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerRemoved' THEN
            IF coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255 AND coalesce(data ->> 'trigger', '') !~ '[^!-~]' AND data ->> 'trigger' <> '', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'WorkflowDeleted' THEN
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by')), false);
        END IF;
    END IF;
    RETURN false;
END
$valid$;
