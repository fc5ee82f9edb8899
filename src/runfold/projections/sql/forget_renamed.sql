-- forget_renamed: they are neither surplus nor missing any more. The runner puts in the names.
DELETE FROM {found} AS s USING {renamed} AS r WHERE s.surplus AND {found_is_surplus} OR s.missing AND {found_is_missing}
