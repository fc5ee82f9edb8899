-- group_positions: how far each group is, and why it waits for an operator; a group without a checkpoint is at 0.
-- Parameters: groups (text[]).
SELECT g.name, coalesce(c.position, 0), c.stopped_error
  FROM unnest(%(groups)s::text[]) AS g (name)
  LEFT JOIN runfold.checkpoints c ON c.group_name = g.name
