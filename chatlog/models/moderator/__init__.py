"""Our own small classifier: a mixture of linear experts on multilingual sentence vectors, for a CPU."""
