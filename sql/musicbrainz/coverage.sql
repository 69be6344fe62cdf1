-- One row per place that genres may come from: how many artists who were played have theirs from it, and their plays.
SELECT CASE WHEN g.genres <> '{}' AND NOT g.is_of_musicbrainz THEN 'Spotify'
            WHEN g.genres <> '{}' THEN 'MusicBrainz'
            WHEN g.is_of_musicbrainz THEN 'known to MusicBrainz, without genres'
            WHEN g.searched_key IS NOT NULL THEN 'not found'
            ELSE 'not asked yet' END AS source,
       count(*) AS artists, sum(played.plays)::bigint AS plays
FROM (SELECT artist_id, sum(play_count) AS plays FROM user_artist_stats GROUP BY artist_id) AS played
JOIN artist_genres AS g USING (artist_id)
WHERE played.plays > 0
GROUP BY source
ORDER BY plays DESC
