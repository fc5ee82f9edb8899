"""The synchronous client, generated from `client/aio` by `make sync`: never edit a module of it."""
