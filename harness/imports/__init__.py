"""Results of other harnesses, read from the files that they write."""
