"""Where ``spotify`` and ``warehouse`` meet: linking accounts, polling plays, top lists, metadata. It knows no Dagster;
what only one of the two needs to know belongs there."""
