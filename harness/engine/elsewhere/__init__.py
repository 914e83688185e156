"""Answers from elsewhere: a server, a file, a script."""
