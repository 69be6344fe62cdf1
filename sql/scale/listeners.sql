-- One listener per number, in one of four time zones, and how much they play: about log-normal as people are, the median
-- three fifths of the mean, and of many nobody more than seven times the mean.
CREATE SCHEMA scale;

CREATE TABLE scale.listeners AS
SELECT number AS user_id, greatest(1, round(%(plays_a_month)s * weight / avg(weight) OVER ()))::int AS plays_a_month
FROM (SELECT number, least(12, power(quantile / (1 - quantile), 0.6)) AS weight
      FROM (SELECT number, (number::bigint * 7919 %% %(listeners)s + 0.5::float8) / %(listeners)s AS quantile
            FROM generate_series(1, %(listeners)s) AS number) AS numbers) AS weights;

-- Who plays more knows more tracks, but not in the same proportion.
ALTER TABLE scale.listeners ADD COLUMN library int;
UPDATE scale.listeners
SET library = greatest(50, round(25000 * power(plays_a_month * %(months)s / 300000.0, 0.6) * 1.5));

INSERT INTO users (id, name, last_ingested_at)
SELECT user_id, 'listener-' || user_id, now() FROM scale.listeners;

INSERT INTO user_settings (user_id, timezone)
SELECT user_id, (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[user_id %% 4 + 1]
FROM scale.listeners;

SELECT setval('users_id_seq', %(listeners)s);
