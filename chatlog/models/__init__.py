"""What holds weights: where they come from, and the models that stages open."""
