"""Seeded damages to every kind of file that a person hands in; each must end in a result or in one sentence."""
