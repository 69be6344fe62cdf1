"""What assets, checks and sensors are handed: one module a thing. What to do with them is said in ``assets/``."""
