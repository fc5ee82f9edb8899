"""`python -m runfold.demo`: a small workflow engine that records its work in runfold, shown while it runs.

files.py does the work of the nodes, workflow.py has the two workflows, engine.py runs them and records every step as an
event, and tour.py is the show around it.
"""
