"""Read the schema's sources and write migrations from them; for developers, and not in the wheel.

`schema/roles.sql`, `schema/tables/`, `schema/functions/` and `schema/generated/` define the database of this commit,
with one table or one function in a file. `schema/migrations/` has the steps to it, which users run. After a change of a
source, `make migration NAME=...` compares a database made from the sources with a migrated one, and writes the next
step; a test compares the two again.
"""
