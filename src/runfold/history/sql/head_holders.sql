-- head_holders: the open appends that hold the safe head back, lowest bound first.
SELECT bound, pid, prepared_gid, application_name, state, since FROM runfold.head_holders() LIMIT 10
