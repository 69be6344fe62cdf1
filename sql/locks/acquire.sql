-- One row per lock. The locks are taken in the given order and held until the transaction ends.
SELECT taken.position
FROM unnest(%(names)s::text[], %(shared)s::boolean[]) WITH ORDINALITY AS wanted (name, is_shared, position)
CROSS JOIN LATERAL (
    SELECT wanted.position, pg_advisory_xact_lock_shared(hashtextextended(wanted.name, 0)) WHERE wanted.is_shared
    UNION ALL
    SELECT wanted.position, pg_advisory_xact_lock(hashtextextended(wanted.name, 0)) WHERE NOT wanted.is_shared
) AS taken
