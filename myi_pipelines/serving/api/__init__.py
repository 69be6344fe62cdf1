"""The JSON API, and the shapes that programs of others speak: the questions of ``queries``, asked over HTTP.

``application`` assembles, ``routes`` asks, ``shapes`` says what every field of an answer means. Nothing here computes.
"""
