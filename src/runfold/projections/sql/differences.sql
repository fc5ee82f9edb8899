-- differences: the rows that are not the same in a table and in its shadow. Whole rows are compared by their images: IS DISTINCT
-- FROM would take jsonb 1.0 and 1.00 for equal. The runner puts in the names, and which rows are looked at.
-- Returns the key, what is wrong, the differing columns with (in the table, in the log) as text, and how many rows differ.
SELECT jsonb_build_object({key_pairs}),
       CASE WHEN live.{one} IS NULL THEN 'missing' WHEN folded.{one} IS NULL THEN 'surplus' ELSE 'different' END,
       (SELECT jsonb_object_agg(n.name, jsonb_build_array(to_jsonb(live) ->> n.name, to_jsonb(folded) ->> n.name))
          FROM unnest(d.names) AS n (name)),
       {counted}
  FROM {live_rows} AS live
  FULL JOIN {shadow_rows} AS folded ON {same_key}
 CROSS JOIN LATERAL (SELECT array_remove(ARRAY[{differing_columns}], NULL) AS names) AS d
 WHERE live *<> folded OR live.{one} IS NULL OR folded.{one} IS NULL
 ORDER BY 1
