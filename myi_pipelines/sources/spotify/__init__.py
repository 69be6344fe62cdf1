"""Talking to Spotify: the Web API's client, the accounts service, the limits that all processes share, and the cipher
for tokens. Knows no database and no Dagster; what is done with the replies is the business of ``sync``."""
