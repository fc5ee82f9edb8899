-- register_event_types: lets streams of a category of one's own take these types.
-- Parameters: category, types (text[]), schema_version.
SELECT runfold.register_event_types(%(category)s, %(types)s, %(schema_version)s)
