"""What imports and Spotify cost: `python -m benchmarks` measures it and prints two tables. No part of the product."""
