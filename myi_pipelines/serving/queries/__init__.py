"""The questions of pages and of the API: one function a question, over a connection that only reads.

Each function takes a connection and a ``Scope`` (or a ``Listener``) and returns NamedTuples: times are aware and in
UTC, days are local, durations are in milliseconds. Nothing here knows HTTP, pages or who may see what.
"""
