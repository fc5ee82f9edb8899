"""The synchronous memory, generated from `memory/aio` by `make sync`: never edit a module of it."""
