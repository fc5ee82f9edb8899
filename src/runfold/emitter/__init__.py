"""Emits events in batches: `Emitter` for threads, `AsyncEmitter` for asyncio."""
