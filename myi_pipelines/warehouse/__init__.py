"""The warehouse: functions over a psycopg connection, one module a step of the flow.

What belongs here is SQL and the order in which it runs. Nothing here reads files, calls Spotify or knows Dagster.
"""
