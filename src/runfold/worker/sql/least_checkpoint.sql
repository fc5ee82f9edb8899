-- least_checkpoint: how far the group that is furthest behind is; a group without a checkpoint is at 0.
-- Parameters: groups (text[]).
SELECT coalesce(min(coalesce(c.position, 0)), 0)
  FROM unnest(%(groups)s::text[]) AS g (name)
  LEFT JOIN runfold.checkpoints c ON c.group_name = g.name
