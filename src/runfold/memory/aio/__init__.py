"""The asyncio memory: the source of `memory/sync`, which `make sync` generates."""
