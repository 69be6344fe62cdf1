"""Where a source meets the warehouse: ``uploads`` lands files, ``spotify`` lands what the API says.

What belongs here needs both ``sources`` and ``warehouse``. It knows no Dagster.
"""
