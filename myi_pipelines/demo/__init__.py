"""``myi demo``: ``sample_upload`` puts the sample history into uploads/, ``simulated_accounts`` runs a simulated
Spotify, ``watch`` follows Dagster's work, ``screen`` and ``summary`` draw it. Only Dagster imports into the warehouse.
"""
