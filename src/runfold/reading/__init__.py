"""Queries for people: on the present in this package, on the past in `past`."""
