-- interactions_named: the interactions that these texts name, by id or correlation id, open or not.
-- Parameters: names (text[]), tenant (null: any).
SELECT interaction_id, workflow_id, user_id, status, name
  FROM runfold.interactions_named(%(names)s, %(tenant)s)
