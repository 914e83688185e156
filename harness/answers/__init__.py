"""What was answered: records as JSON, the journal of a run, the cache across runs."""
