"""Tests of myi_pipelines; the modules mirror the package. Real PostgreSQL and Redis, never mocks of them."""
