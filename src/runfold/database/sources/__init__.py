"""The schema's sources, and the migrations that are written from them. For developers; the wheel does not carry it.

`schema/roles.sql`, `schema/tables/`, `schema/functions/` and `schema/generated/` say what a database holds at this
commit: one table a file, one function a file. `schema/migrations/` says how a database gets there, and is what users
run. Whoever changes a source runs `make migration NAME=...`, which compares a database made from the sources with a
migrated one; a test compares them again.
"""
