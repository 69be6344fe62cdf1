-- One row per play of a month: sessions of ten, half all-time favourites, half recent finds, both near to Zipf's law.
SELECT heard.user_id, heard.played_at, library.export_track_id, library.spotify_id, library.duration_ms, heard.luck,
       heard.ms_played, heard.context_no
FROM (SELECT user_id, played_at, luck,
             CASE WHEN luck < 0.045 THEN floor(luck * 110000)
                  WHEN luck < 0.25 THEN 5000 + floor(other * 25000)
                  ELSE 110000 + floor(other * 200000) END::int AS ms_played,
             floor(other * 400)::int AS context_no,
             floor(%(tracks)s * power((hashint8extended((user_id::bigint << 32) + choice, 4) & 2147483647)
                                      / 2147483648.0::float8, 2))::bigint AS number
      FROM (SELECT user_id, luck, other,
                   %(starts_at)s::timestamptz + make_interval(secs => 300 + (play_no %% 10 + 1) * 210 + floor(
                       play_no / 10 * spacing + (spacing - 2400)
                       * (hashint8extended((user_id::bigint << 32) + (%(month_no)s << 20) + play_no / 10, 2)
                          & 2147483647) / 2147483648.0::float8)) AS played_at,
                   greatest(0, CASE WHEN other < 0.5 THEN rank
                                    ELSE library * %(month_no)s / %(months)s - rank END) AS choice
            FROM (SELECT user_id, library, play_no, (%(month_seconds)s - 600) / ceil(plays_a_month / 10.0) AS spacing,
                         (dice & 2147483647) / 2147483648.0::float8 AS luck,
                         (dice >> 32 & 2147483647) / 2147483648.0::float8 AS other,
                         floor(50 * power((library + 50) / 50.0::float8,
                                          (other_dice & 2147483647) / 2147483648.0::float8))::int - 50 AS rank
                  FROM (SELECT user_id, library, plays_a_month, play_no,
                               hashint8extended((user_id::bigint << 32) + (%(month_no)s << 20) + play_no, 1) AS dice,
                               hashint8extended((user_id::bigint << 32) + (%(month_no)s << 20) + play_no, 3)
                                   AS other_dice
                        FROM scale.users
                        CROSS JOIN LATERAL generate_series(0, plays_a_month - 1) AS play_no) AS dice) AS thrown
           ) AS chosen) AS heard
JOIN scale.library USING (number)
