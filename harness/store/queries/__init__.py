"""Every question that a page or a command asks of the catalogue, one file each; all of them take an open store."""
