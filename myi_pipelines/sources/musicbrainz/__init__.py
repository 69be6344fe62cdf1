"""MusicBrainz' API: its client, one call a second for all processes together. Knows no database and no setting."""
