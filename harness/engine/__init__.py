"""The inference core: what answers a request."""
