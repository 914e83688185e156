"""Ordered changes of the catalogue's schema, applied by Alembic when an older or empty catalogue is opened."""
