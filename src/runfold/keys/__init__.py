"""Tenants' keys in their homes, the cipher of values, and which fields are encrypted."""
