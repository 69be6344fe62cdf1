"""What an operator does with the data: archive, restore, back up, export, forget, verify, and ``monitoring``.

Functions over connections and folders. Nothing here imports Dagster.
"""
