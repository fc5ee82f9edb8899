"""LangGraph on runfold, of the extra `runfold[langgraph]`: memory in `RunfoldStore`, checkpoints in `RunfoldSaver`."""

from runfold.langgraph.saver import RunfoldSaver
from runfold.langgraph.store import RunfoldStore

__all__ = ["RunfoldSaver", "RunfoldStore"]
