-- own_rebuild_taken: another group whose rebuild has shadows of one of these names. Parameters: group, tables (text[]).
SELECT group_name FROM runfold.own_rebuilds WHERE group_name <> %(group)s AND tables && %(tables)s LIMIT 1
