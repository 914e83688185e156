"""Built-in benchmarks: a plug-in like any other."""
