"""Causal language models: plan, compute, choose among the ways to compute, generate."""
