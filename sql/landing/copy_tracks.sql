COPY staged_tracks (track_no, spotify_id, track_name, artist_name, album_name) FROM STDIN
