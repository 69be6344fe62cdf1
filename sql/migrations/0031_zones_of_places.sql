-- Four names of zones are abbreviations to PostgreSQL: CET is UTC+1 in summer, too. Users who set one get the zone of
-- the place that the name means, and the days and hours of their months are counted again.

WITH places (abbreviation, place) AS (
    VALUES ('CET', 'Europe/Brussels'), ('EET', 'Europe/Athens'), ('MET', 'Europe/Brussels'), ('WET', 'Europe/Lisbon')
), moved AS (
    UPDATE user_settings SET timezone = places.place
    FROM places
    WHERE user_settings.timezone = places.abbreviation
    RETURNING user_settings.user_id
)
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'STATS'::derivation_stage
FROM user_track_months
JOIN moved USING (user_id)
ORDER BY user_id, month
ON CONFLICT DO NOTHING;
