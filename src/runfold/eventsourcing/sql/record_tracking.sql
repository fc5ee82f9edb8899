-- record_tracking: how far a tracker has followed an application. Parameters: tracker, application_name, notification_id, call_id.
SELECT runfold.record_tracking(%(tracker)s, %(application_name)s, %(notification_id)s, %(call_id)s)
