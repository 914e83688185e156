"""Log-probabilities: every token of a run planned as one tree, computed in passes, read where asked."""
