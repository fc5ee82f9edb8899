-- The fields that clients may encrypt, generated from EncryptedField.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.encryptable_fields() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{data,error_data,error_details,error_message,headers,input_data,message,metadata,output_data,performance_metrics,raw_payload,request_data,response_data,resume_conditions,run_data,stack_trace,technical_details,trigger_data,user_friendly_message}'::text[]
$$;
