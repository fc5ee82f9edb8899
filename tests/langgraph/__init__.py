"""Tests of LangGraph's store."""
