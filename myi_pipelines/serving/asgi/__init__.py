"""What every answer over HTTP goes through, whatever it says: headers, compression, static files, ETags, error pages,
figures and the log of requests. Knows nothing of music."""
