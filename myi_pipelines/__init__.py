"""MYI: a self-hosted Spotify data warehouse run by Dagster. Open ``definitions.py`` first."""
