"""Workers behind the same seam: a driver that writes the journal, and any number of processes that compute."""
