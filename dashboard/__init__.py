"""The dashboard over the store."""
