-- What a row e of export_tracks played: its Spotify id, which outlives names, or else its names.
hashtextextended(coalesce(e.spotify_id, concat_ws(' ', e.kind::text, coalesce(e.track_key::text, '-'),
                                                  coalesce(e.artist_key::text, '-'),
                                                  coalesce(e.album_key::text, '-'))), 0)
