"""Releases: what leaves the house, and the checks that it must pass."""
