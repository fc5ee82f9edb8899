-- max_tracking_id: how far a tracker has followed an application. Parameters: tracker, application_name.
SELECT t.notification_id FROM runfold.tracking t WHERE t.tracker = %(tracker)s AND t.application_name = %(application_name)s
