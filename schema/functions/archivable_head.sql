-- The position up to which every group of projections and every subscription that is kept has read the log.
--
-- What is behind it stays in the log; 0 while nothing was folded. The archive looks at it twice, the second time in the swap.
--
-- grant: projector, operator
CREATE FUNCTION runfold.archivable_head() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT least(coalesce((SELECT min(c.position) FROM runfold.checkpoints c), 0), (SELECT min(s.position) FROM runfold.subscriptions s))
$$;
