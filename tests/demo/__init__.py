"""Tests of the demo, as a newcomer runs it."""
