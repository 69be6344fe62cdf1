"""The warehouse's tables as Dagster assets, one module a group. Each asset is thin: resources in, a function of
``warehouse`` called, metadata out."""
