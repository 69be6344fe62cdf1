-- One row per entry of the catalog, or reference into it, that leads to no entry or to a wrong one: the table, and
-- what is wrong.
SELECT 'export_tracks' AS relation, 'names ' || e.id || ' mean no track' AS what
FROM export_tracks AS e
WHERE e.kind = 'TRACK'
  AND NOT EXISTS (SELECT FROM export_track_links AS link WHERE link.export_track_id = e.id)
  AND NOT EXISTS (SELECT FROM pending_export_tracks WHERE e.id BETWEEN first_id AND last_id)
UNION ALL
SELECT 'export_track_links', 'names ' || link.export_track_id || ' mean track ' || t.id || ', which is merged away'
FROM export_track_links AS link
JOIN tracks AS t ON t.id = link.track_id
WHERE t.merged_into IS NOT NULL
UNION ALL
SELECT 'export_track_links',
       'names ' || link.export_track_id || ', which mean track ' || link.track_id || ', are not known'
FROM export_track_links AS link
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = link.export_track_id)
UNION ALL
SELECT 'export_track_links',
       'names ' || link.export_track_id || ' mean track ' || link.track_id || ', but name no track'
FROM export_track_links AS link
JOIN export_tracks AS e ON e.id = link.export_track_id
WHERE e.kind <> 'TRACK'
UNION ALL
SELECT 'track_aliases', 'the id ' || alias.spotify_id || ' leads to track ' || t.id || ', which is merged away'
FROM track_aliases AS alias
JOIN tracks AS t ON t.id = alias.track_id
WHERE t.merged_into IS NOT NULL
UNION ALL
SELECT 'tracks', 'track ' || t.id || ' is merged into track ' || kept.id || ', which is merged away'
FROM tracks AS t
JOIN tracks AS kept ON kept.id = t.merged_into
WHERE kept.merged_into IS NOT NULL
UNION ALL
SELECT 'imported_plays', 'names ' || p.export_track_id || ' of ' || count(*) || ' plays are not known'
FROM imported_plays AS p
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = p.export_track_id)
GROUP BY p.export_track_id
UNION ALL
SELECT 'imported_plays', 'context ' || p.context_id || ' of ' || count(*) || ' plays is not known'
FROM imported_plays AS p
WHERE p.context_id IS NOT NULL AND NOT EXISTS (SELECT FROM play_contexts AS c WHERE c.id = p.context_id)
GROUP BY p.context_id
UNION ALL
SELECT 'episode_events', 'names ' || p.export_track_id || ' of ' || count(*) || ' plays are not known'
FROM episode_events AS p
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = p.export_track_id AND e.kind <> 'TRACK')
GROUP BY p.export_track_id
UNION ALL
SELECT 'user_track_months', 'track ' || m.track_id || ' of ' || count(*) || ' rows is not known'
FROM user_track_months AS m
WHERE NOT EXISTS (SELECT FROM tracks AS t WHERE t.id = m.track_id)
GROUP BY m.track_id
UNION ALL
SELECT 'artists', 'the genres of artist ' || a.id || ' are not what Spotify or MusicBrainz tells'
FROM artists AS a
JOIN artist_genres AS latest ON latest.artist_id = a.id
WHERE a.genres <> latest.genres
  AND NOT EXISTS (SELECT FROM pending_spotify_objects) AND NOT EXISTS (SELECT FROM pending_musicbrainz_searches)
UNION ALL
SELECT 'albums', 'the release date of album ' || latest.album_id || ' is not what Spotify or MusicBrainz tells'
FROM ({verify/release_dates}) AS latest
WHERE NOT EXISTS (SELECT FROM pending_spotify_objects) AND NOT EXISTS (SELECT FROM pending_musicbrainz_searches)
ORDER BY relation, what
