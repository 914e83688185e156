"""Names in, stored run out: what the command line, suites and Python callers share."""

from harness.api.asking_more import ask_more, require_askable
from harness.api.comparing import Changes, compare
from harness.api.evaluation import evaluate
from harness.api.finetuning import finetune
from harness.api.gating import check_gate, selftest_gate
from harness.api.importing import import_run
from harness.api.jobs import run_job
from harness.api.merging import merge
from harness.api.models import Opener
from harness.api.records import Listener, Overrides, Result, Where
from harness.api.reporting import export_site, report
from harness.api.rescoring import rescore, settings_of
from harness.api.tables import ResultTable, table

__all__ = [
    "Changes",
    "Listener",
    "Opener",
    "Overrides",
    "Result",
    "ResultTable",
    "Where",
    "ask_more",
    "check_gate",
    "compare",
    "evaluate",
    "export_site",
    "finetune",
    "import_run",
    "merge",
    "report",
    "require_askable",
    "rescore",
    "run_job",
    "selftest_gate",
    "settings_of",
    "table",
]
