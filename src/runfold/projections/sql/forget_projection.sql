-- forget_projection: forgets what a table was built with, where no file folds it any more. Parameters: name.
DELETE FROM runfold.projections WHERE name = %(name)s
