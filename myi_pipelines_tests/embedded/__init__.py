"""Tests of the embedded servers; each makes its own."""
