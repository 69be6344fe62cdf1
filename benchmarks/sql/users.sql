-- One row per user, in one of four time zones. The plays of users are about log-normal, as real ones: the median is
-- three fifths of the mean, and the most is seven times the mean.
CREATE SCHEMA scale;

CREATE TABLE scale.users AS
SELECT number AS user_id, greatest(1, round(%(plays_a_month)s * weight / avg(weight) OVER ()))::int AS plays_a_month
FROM (SELECT number, least(12, power(quantile / (1 - quantile), 0.6)) AS weight
      FROM (SELECT number, (number::bigint * 7919 %% %(users)s + 0.5::float8) / %(users)s AS quantile
            FROM generate_series(1, %(users)s) AS number) AS numbers) AS weights;

-- Who plays more knows more tracks, but not in the same proportion.
ALTER TABLE scale.users ADD COLUMN library int;
UPDATE scale.users
SET library = greatest(50, round(25000 * power(plays_a_month * %(months)s / 300000.0, 0.6) * 1.5));

INSERT INTO users (id, name, last_ingested_at)
SELECT user_id, 'user-' || user_id, now() FROM scale.users;

INSERT INTO user_settings (user_id, timezone)
SELECT user_id, (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[user_id %% 4 + 1]
FROM scale.users;

SELECT setval('users_id_seq', %(users)s);
