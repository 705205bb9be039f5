"""The stage engine: run folder, units of work, resume."""
