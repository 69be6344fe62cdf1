"""Tests of the ``myi`` command."""
