"""Rules, their verdicts, and how often those are wrong."""
