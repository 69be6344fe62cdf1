-- One row per user-month with events, old or new: what becomes of them. Writes the events of the user-months that
-- change into the shadow partition; a known event keeps its id and created_at.
WITH derived AS (
    SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id
    FROM ({events/plain}) AS plain
    UNION ALL
    SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id FROM month_events
), compared AS MATERIALIZED (
    SELECT user_id, track_id, played_at, known.id, known.created_at, derived.ms_played, derived.source,
           derived.is_estimated, derived.context_id,
           CASE WHEN known.id IS NULL THEN 'added'
                WHEN derived.user_id IS NULL THEN 'removed'
                WHEN known.is_moved THEN 'upgraded'
                WHEN ((known.ms_played, known.source, known.is_estimated, known.context_id)
                      IS NOT DISTINCT FROM (derived.ms_played, derived.source, derived.is_estimated,
                                            derived.context_id)) THEN 'unchanged'
                WHEN known.is_estimated AND NOT derived.is_estimated THEN 'upgraded'
                ELSE 'updated'
           END AS outcome
    FROM derived
    FULL JOIN ({rebuild/known_events}) AS known USING (user_id, track_id, played_at)
), outcomes AS MATERIALIZED (
    SELECT user_id,
           count(*) FILTER (WHERE outcome = 'added')     AS added,
           count(*) FILTER (WHERE outcome = 'upgraded')  AS upgraded,
           count(*) FILTER (WHERE outcome = 'updated')   AS updated,
           count(*) FILTER (WHERE outcome = 'removed')   AS removed,
           count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged
    FROM compared
    GROUP BY user_id
), written AS (
    INSERT INTO {shadow} (id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip,
                          context_id)
    SELECT coalesce(id, nextval('listening_events_id_seq')), user_id, track_id, played_at, coalesce(created_at, now()),
           ms_played, source, is_estimated, ms_played < %(skip_below_ms)s, context_id
    FROM (SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, context_id
          FROM compared
          JOIN outcomes USING (user_id)
          WHERE outcomes.added + outcomes.upgraded + outcomes.updated + outcomes.removed > 0
            AND compared.outcome <> 'removed'
          ORDER BY user_id, played_at, track_id) AS events
)
SELECT user_id, added, upgraded, updated, removed, unchanged FROM outcomes
