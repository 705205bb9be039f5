"""Our own small classifier: linear heads on a sentence vector and hashed character n-grams, for a CPU."""
