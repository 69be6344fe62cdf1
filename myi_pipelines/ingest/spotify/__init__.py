"""Connects ``sources.spotify`` with ``warehouse``: linking accounts, polling plays, top lists, metadata.

Knows no Dagster. Code that needs only one of the two packages belongs in that package.
"""
