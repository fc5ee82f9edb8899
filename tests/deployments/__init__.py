"""Deployments and triggers, through the services."""
