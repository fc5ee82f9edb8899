"""The client: the store with which an engine writes to the log and reads it.

`aio` is written by hand; `sync` is generated from it by `make sync`. Decisions are made in `runfold.domain`, without
I/O; the client loads, lets the domain decide, appends, and decides again where another writer was faster.
"""
