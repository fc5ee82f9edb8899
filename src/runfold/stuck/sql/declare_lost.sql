-- declare_lost: ends an execution that was not seen for so long; NULL when it was, or has ended meanwhile.
-- Parameters: execution_id, idle (seconds), detector.
SELECT runfold.declare_lost(%(execution_id)s, make_interval(secs => %(idle)s), %(detector)s)
