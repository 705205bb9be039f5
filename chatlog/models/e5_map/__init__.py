"""A linear map from multilingual-e5-small to the multilingual USE: vectors for languages that the latter never saw."""
