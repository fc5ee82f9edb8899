"""LangGraph's long-term memory on runfold: `RunfoldStore`, of the extra `runfold[langgraph]`."""

from runfold.langgraph.store import RunfoldStore

__all__ = ["RunfoldStore"]
