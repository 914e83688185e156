"""Reading what others wrote: files, values and records, each with care and a sentence where it is wrong."""
