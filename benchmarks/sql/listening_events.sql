-- One row per event of a month: the result of conforming its user-months if each play comes from one source.
INSERT INTO {partition} (id, user_id, track_id, played_at, ms_played, source, is_estimated, is_skip,
                         context_id)
SELECT nextval('listening_events_id_seq'), user_id, track_id, played_at, ms_played, source, is_estimated,
       ms_played < %(skip_below_ms)s, context_id
FROM (SELECT p.user_id, link.track_id, p.played_at, p.ms_played, 'IMPORT'::source AS source, false AS is_estimated,
             p.context_id
      FROM imported_plays AS p
      JOIN export_track_links AS link USING (export_track_id)
      WHERE p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s AND p.ms_played >= %(min_play_ms)s
      UNION ALL
      SELECT user_id, track_id, played_at,
             least(duration_ms, CASE WHEN before_at IS NOT NULL -- no longer than since the play before
                                     THEN greatest(floor(extract(epoch FROM played_at - before_at) * 1000), 30000) END
                  )::integer,
             'API', true, NULL
      FROM (SELECT p.user_id, t.id AS track_id, p.played_at, p.duration_ms,
                   lag(p.played_at) OVER (PARTITION BY p.user_id ORDER BY p.played_at) AS before_at
            FROM polled_plays AS p
            JOIN tracks AS t USING (spotify_id)
            WHERE p.played_at >= %(starts_at)s::timestamptz - interval '27 hours'
              AND p.played_at < %(ends_at)s) AS polled
      WHERE played_at >= %(starts_at)s) AS events
ORDER BY user_id, played_at
