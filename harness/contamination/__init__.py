"""How much of a benchmark a corpus holds, word for word or nearly, and what that does to its scores."""
