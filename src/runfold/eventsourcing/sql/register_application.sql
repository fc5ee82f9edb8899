-- register_application: gives an application its category. Parameters: category, name.
SELECT runfold.register_application(%(category)s, %(name)s)
