-- One row per play of a month of 30 seconds or more, as polls return it.
INSERT INTO {partition} (user_id, played_at, spotify_id, duration_ms)
SELECT user_id, played_at + make_interval(secs => floor(luck * 1000) / 1000), spotify_id, duration_ms
FROM ({plays}) AS plays
WHERE luck >= 0.25
ORDER BY user_id, played_at
