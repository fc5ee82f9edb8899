"""Aggregates, handles and the application."""
