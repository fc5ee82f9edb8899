"""The reference of docs/reference, generated from what it describes: `python -m runfold.reference --write|--check`.

Events from their models, tables and SQL functions from the catalogue of a migrated database, commands from Typer,
errors from their classes. Only the sentences that say what a page is are written by hand.
"""
