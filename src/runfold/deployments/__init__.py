"""Deployments: workflows go into service and out of it, with their triggers, by which they are found."""
