-- One linked user per number, polled within the last four hours; about sixty in ten thousand are due.
INSERT INTO users (name)
SELECT 'account-' || number FROM generate_series(1, %(accounts)s) AS number;

INSERT INTO spotify_auth (user_id, refresh_token_encrypted, authorized_at)
SELECT id, decode(repeat('00', 160), 'hex'), %(now)s FROM users;

INSERT INTO poll_states (user_id, last_polled_at, next_poll_at, last_success_at, last_played_at, seconds_per_play)
SELECT id, %(now)s - make_interval(mins => 10 + (id * 7919 %% 230)::int),
       %(now)s + make_interval(secs => id * 7919 %% 14400 - 85), %(now)s,
       %(now)s - make_interval(mins => (id * 104729 %% 20000)::int), 120 + id %% 90
FROM users;

ANALYZE users, spotify_auth, poll_states;
