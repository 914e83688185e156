"""What was answered: records as JSON, the journal of a run, what a cache is."""
