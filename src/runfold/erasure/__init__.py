"""Erasing a tenant: its rows go, its keys are destroyed, and its streams take no more events."""
