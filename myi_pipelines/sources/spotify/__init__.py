"""Clients of Spotify's Web API and accounts service, the limits that all processes share, and the cipher for tokens.
Knows no database and no Dagster. ``ingest.spotify`` stores the replies."""
