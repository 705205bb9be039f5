"""Topics of whole runs: assigning conversations to the topics of another run, and how topics drift between runs."""
