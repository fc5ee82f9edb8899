-- Records snapshots of aggregates, all or none; the same call may be sent again.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.record_snapshots(
    category text, originator_ids text[], versions bigint[], topics text[], states bytea[], call_id uuid
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    recorded bigint;
BEGIN
    INSERT INTO runfold.snapshots AS s (category, originator_id, version, topic, state, call_id)
    -- One that is named twice is one row too few.
    SELECT DISTINCT ON (n.originator_id, n.version) category, n.originator_id, n.version, n.topic, n.state, call_id
      FROM unnest(originator_ids, versions, topics, states) AS n (originator_id, version, topic, state)
        ON CONFLICT ON CONSTRAINT snapshots_pkey DO UPDATE SET call_id = excluded.call_id WHERE s.call_id = excluded.call_id;
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded < cardinality(versions) THEN
        PERFORM runfold.refuse('snapshot_exists', jsonb_build_object('category', category));
    END IF;
END
$$;
