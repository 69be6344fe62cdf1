"""Where MusicBrainz meets the warehouse: genres of artists of whom Spotify tells none, dates of their albums, lengths
of their recordings."""
