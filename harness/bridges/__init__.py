"""Other tools' tasks run here, and our models answer in other tools."""
