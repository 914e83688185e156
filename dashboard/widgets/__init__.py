"""What pages are made of: charts, tables, a sample, harmless text."""
