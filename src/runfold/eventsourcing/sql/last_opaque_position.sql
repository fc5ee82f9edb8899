-- last_opaque_position: the position of an application's last event up to the safe head, null without one. Parameters: category.
SELECT runfold.last_opaque_position(%(category)s)
