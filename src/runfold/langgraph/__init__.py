"""LangGraph on runfold: its memory `RunfoldStore` and its checkpointer `RunfoldSaver`, of the extra `runfold[langgraph]`."""

from runfold.langgraph.saver import RunfoldSaver
from runfold.langgraph.store import RunfoldStore

__all__ = ["RunfoldSaver", "RunfoldStore"]
