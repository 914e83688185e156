"""What a model remembers of its training data, and personal data in what it says."""
