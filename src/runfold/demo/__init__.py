"""`python -m runfold.demo`: a small engine at work on runfold, shown while it runs.

files.py is the work, workflow.py the two workflows, engine.py runs them, and its handles record every step as an event;
tour.py is the show around it.
"""
