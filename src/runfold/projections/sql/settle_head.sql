-- settle_head: reads the safe head, or keeps the greater one known before, for the statement after it in the same session: two
-- statements, each with a view of its own, without waiting for the answer between them.
-- Parameters: least.
SELECT set_config('runfold.head', greatest(%(least)s::bigint, runfold.safe_head())::text, false)::bigint
