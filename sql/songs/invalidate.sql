-- One row per user-month with a polled or submitted play, or a play of account data, near which there is a play of
-- another track that is or was of the same song: the two may be one play now, or no longer. A play on a device that was
-- offline counts where it was uploaded, too.
WITH ids AS (
    SELECT r.track_id, r.song_id, t.spotify_id
    FROM regrouped_tracks AS r
    JOIN tracks AS t ON t.id = r.track_id
    WHERE t.spotify_id IS NOT NULL
    UNION ALL
    SELECT r.track_id, r.song_id, alias.spotify_id
    FROM regrouped_tracks AS r
    JOIN track_aliases AS alias USING (track_id)
), matchable AS (
    SELECT ids.track_id, ids.song_id, p.user_id, p.played_at
    FROM ids
    JOIN polled_plays AS p USING (spotify_id)
    UNION ALL
    SELECT r.track_id, r.song_id, p.user_id, p.played_at
    FROM regrouped_tracks AS r
    JOIN export_track_links AS link USING (track_id)
    JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = link.export_track_id
), changes AS (
    SELECT DISTINCT m.user_id, m.played_at AS starts_at, m.played_at AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM matchable AS m
    WHERE EXISTS (SELECT FROM imported_plays AS near
                  JOIN export_track_links AS link USING (export_track_id)
                  JOIN regrouped_tracks AS other USING (track_id)
                  WHERE near.user_id = m.user_id
                    AND near.played_at BETWEEN m.played_at - %(match_window)s - %(longest_offline)s
                                           AND m.played_at + %(match_window)s
                    AND (near.played_at >= m.played_at - %(match_window)s
                         OR near.stopped_at BETWEEN m.played_at - %(match_window)s AND m.played_at + %(match_window)s)
                    AND other.song_id = m.song_id AND other.track_id <> m.track_id)
       OR EXISTS (SELECT FROM polled_plays AS near
                  JOIN ids AS other USING (spotify_id)
                  WHERE near.user_id = m.user_id
                    AND near.played_at BETWEEN m.played_at - %(match_window)s AND m.played_at + %(match_window)s
                    AND other.song_id = m.song_id AND other.track_id <> m.track_id)
)
{user_months/invalidate_reached}
