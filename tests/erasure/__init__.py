"""Erasing tenants."""
