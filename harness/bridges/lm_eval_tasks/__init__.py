"""The task files of lm-evaluation-harness as tasks of ours: ``--tasks lm-eval:NAME``."""
