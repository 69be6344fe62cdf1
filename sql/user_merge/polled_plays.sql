-- One row per polled play of the month that moves: all but those that polls of the user who stays showed, too. Of
-- these, a length or context that was unknown becomes known.
WITH completed AS (
    UPDATE polled_plays AS known
    SET duration_ms = coalesce(known.duration_ms, twin.duration_ms),
        context_type = coalesce(known.context_type, twin.context_type),
        context_uri = coalesce(known.context_uri, twin.context_uri)
    FROM polled_plays AS twin
    WHERE twin.user_id = %(gone)s AND twin.played_at >= %(starts_at)s AND twin.played_at < %(ends_at)s
      AND known.user_id = %(kept)s AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
      AND known.played_at = twin.played_at AND known.spotify_id = twin.spotify_id
      AND ((known.duration_ms IS NULL AND twin.duration_ms IS NOT NULL)
           OR (known.context_uri IS NULL AND twin.context_uri IS NOT NULL))
)
UPDATE polled_plays AS play
SET user_id = %(kept)s
WHERE play.user_id = %(gone)s AND play.played_at >= %(starts_at)s AND play.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM polled_plays AS known
                  WHERE known.user_id = %(kept)s
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
                    AND known.played_at = play.played_at AND known.spotify_id = play.spotify_id)
