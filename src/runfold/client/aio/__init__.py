"""The asyncio client: the source of `client/sync`, which `make sync` generates."""
