"""Definitions for tests: the workflow that the specification draws, chains of any length, and random ones."""

from __future__ import annotations

from typing import Any

Definition = dict[str, Any]


def node(node_id: str, node_type: str = "ACTION", **about: Any) -> dict[str, Any]:
    """Return a node with what a node must have, and this."""
    return {"node_id": node_id, "node_type": node_type, "node_subtype": "HTTP_REQUEST", "name": node_id, **about}


def connection(source: str, target: str, **about: Any) -> dict[str, Any]:
    """Return a connection with what a connection must have, and this."""
    return {"source_node_id": source, "target_node_id": target, **about}


def chain(length: int, name: str = "chain") -> Definition:
    """Return a workflow of so many nodes, each connected with the next."""
    return {
        "name": name,
        "nodes": [node(f"n{n}", parameters={"url": f"https://example.com/{n}"}) for n in range(length)],
        "connections": [connection(f"n{n}", f"n{n + 1}") for n in range(length - 1)],
    }


def support_desk() -> Definition:
    """Return a workflow with every kind of node, an agent with its tool and memory, and conditions."""
    return {
        "name": "Support desk",
        "description": "Answers what comes in, and asks a person where it is not sure.",
        "version": "1.2.0",
        "tags": ["support", "ai"],
        "settings": {"timezone": "Europe/Berlin", "error_policy": {"retries": 2}},
        "workflow_data": {
            "variables": {"threshold": 0.8},
            "nodes": [
                node("hook", "TRIGGER", node_subtype="WEBHOOK", parameters={"path": "/support"}, webhooks=["/support"]),
                node("agent", "AI_AGENT", node_subtype="OPENAI_CHATGPT", parameters={"prompt": "Answer this."},
                     attached_nodes=["search", "memory"], position_x=200.5, position_y=-10, notes="the heart of it"),
                node("search", "TOOL", node_subtype="MCP_TOOL"),
                node("memory", "MEMORY", node_subtype="CONVERSATION_BUFFER"),
                node("sure", "FLOW", node_subtype="IF", parameters={"condition": "score > 0.8"}),
                node("person", "HUMAN_IN_THE_LOOP", node_subtype="SLACK_INTERACTION", max_retries=0),
                node("reply", "EXTERNAL_ACTION", node_subtype="SLACK", credentials={"slack": "main"},
                     error_handling="CONTINUE_ERROR_OUTPUT_ON_ERROR"),
                node("count", "ACTION", disabled=True),
            ],
            "connections": [
                connection("hook", "agent"),
                connection("agent", "sure"),
                connection("sure", "reply", connection_type="CONDITIONAL", conditions={"if": True}, label="sure"),
                connection("sure", "person", connection_type="CONDITIONAL", connection_index=1, label="not sure"),
                connection("person", "reply", connection_type="SUCCESS"),
                connection("reply", "count", connection_type="ERROR"),
                connection("search", "agent", connection_type="AI_TOOL"),
                connection("memory", "agent", connection_type="MEMORY_ATTACHMENT"),
            ],
        },
    }  # fmt: skip
