"""The resources that assets, checks and sensors use, one module for each."""
