"""What answering has cost in energy: read from a counter or not known, never guessed."""
