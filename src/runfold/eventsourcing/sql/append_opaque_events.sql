-- append_opaque_events: appends events of an application to one or several streams, all or nothing, with a tracking or without.
-- Parameters: category, names (text[]), first_versions (bigint[]), numbers (integer[]), types (text[]), type_numbers (integer[]),
-- payloads (bytea[]), event_ids (uuid[]), occurred_at, tracker, application_name, notification_id, call_id.
SELECT first_position, repeated
  FROM runfold.append_opaque_events(%(category)s, %(names)s::text[], %(first_versions)s::bigint[], %(numbers)s::integer[],
                                    %(types)s::text[], %(type_numbers)s::integer[], %(payloads)b, %(event_ids)s::uuid[],
                                    %(occurred_at)s, %(tracker)s, %(application_name)s, %(notification_id)s, %(call_id)s)
