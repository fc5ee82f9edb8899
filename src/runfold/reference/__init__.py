"""Generate docs/reference from the code and the database: `python -m runfold.reference --write|--check`.

Events come from their models, tables and SQL functions from the catalogue of a migrated database, commands from Typer
and errors from their classes. Only the introductions of the pages are written by hand.
"""
