"""Names in, stored run out: what the command line, suites and Python callers share."""

from harness.api.asking_more import ask_more, require_askable
from harness.api.bundling import bundle, run_bundle
from harness.api.comparing import Changes, compare
from harness.api.evaluation import evaluate
from harness.api.exporting import export
from harness.api.fetching import fetch
from harness.api.finetuning import finetune
from harness.api.forecasting import Forecast, TaskForecast, dry_run
from harness.api.gating import check_gate, selftest_gate
from harness.api.importing import import_results, import_run
from harness.api.jobs import run_job, shared
from harness.api.judging import judge_check
from harness.api.merging import merge
from harness.api.models import Opener
from harness.api.prompts import ShownPrompt
from harness.api.records import Listener, Overrides, Result, Where
from harness.api.reporting import export_site, report
from harness.api.rescoring import rescore, settings_of
from harness.api.showing import show_prompt
from harness.api.suites import JobEnd, require_ready, run_jobs, run_suite
from harness.api.tables import ResultTable, table
from harness.api.watching import watch

__all__ = [
    "Changes",
    "Forecast",
    "JobEnd",
    "Listener",
    "Opener",
    "Overrides",
    "Result",
    "ResultTable",
    "ShownPrompt",
    "TaskForecast",
    "Where",
    "ask_more",
    "bundle",
    "check_gate",
    "compare",
    "dry_run",
    "evaluate",
    "export",
    "export_site",
    "fetch",
    "finetune",
    "import_results",
    "import_run",
    "judge_check",
    "merge",
    "report",
    "require_askable",
    "require_ready",
    "rescore",
    "run_bundle",
    "run_job",
    "run_jobs",
    "run_suite",
    "selftest_gate",
    "settings_of",
    "shared",
    "show_prompt",
    "table",
    "watch",
]
