"""The domain: aggregates that decide what may happen, and what an answer matches. No I/O, no database."""
