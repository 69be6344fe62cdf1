-- One row per kind and item of it: of each kind the first ones after a place.
WITH counted AS MATERIALIZED (
    {counted}
)
SELECT * FROM ({parts}) AS parts
