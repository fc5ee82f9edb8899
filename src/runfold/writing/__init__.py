"""Writing: aggregates that decide what may happen, and handles that record it.

`transitions` is the vocabulary's table of legal moves, the one place that Python reads it from; `aggregate` and the
modules named after a stream are pure: a command makes a new state with events, or raises IllegalTransition. The handles
(`async_…`, and what `make sync` makes of them) load, decide, append and, when another writer was faster, decide again.
"""
