"""Benchmarks: chatlog beside other tools. Not part of the package."""
