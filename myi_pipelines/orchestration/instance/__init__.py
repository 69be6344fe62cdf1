"""Dagster itself, as this project runs it: its folder and environment, its tables, its run launcher and event log, and
how long it remembers. ``definitions`` says what it runs."""
