"""The servers and processes that MYI runs on: their URLs, the key of what they store, the embedded servers, the
processes of ``myi up``.

What is in a database is the business of ``warehouse``.
"""
