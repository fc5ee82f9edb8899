"""Folding again into shadow tables and writing only what differs: rebuild, verify, replay, discard."""
