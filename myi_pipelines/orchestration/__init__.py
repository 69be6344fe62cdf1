"""Everything that imports Dagster: assets, checks, jobs, schedules, sensors, resources and Dagster's own instance.

The work is done elsewhere: these modules are thin. ``names`` imports no Dagster, so that other rooms can use it.
"""
