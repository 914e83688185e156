"""An evaluation without a network: everything that a suite needs in one file, and a process that reaches nobody."""
