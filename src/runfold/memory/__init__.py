"""What agents remember of a tenant: conversations, summaries, entities, episodes, facts and rules, a graph, documents.

`aio` is the source, `sync` is generated from it. Each method is one statement of `queries.sql`.
"""
