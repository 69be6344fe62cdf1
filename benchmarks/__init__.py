"""Benchmarks: `python -m benchmarks` measures what imports, rebuilds and Spotify cost. No part of the product."""
