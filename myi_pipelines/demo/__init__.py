"""``myi demo``: `offer` puts the sample history into uploads/, `watch` looks on while Dagster imports it, `runs` asks
Dagster how its runs are, `view` draws. None of them imports anything into the warehouse: that is Dagster's work."""
