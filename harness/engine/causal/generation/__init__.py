"""Answers: rows that grow together, in slots on a CPU and in pages on a GPU."""
