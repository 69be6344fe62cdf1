"""What the import costs: `python -m benchmarks` measures it and prints one table. No part of the product."""
