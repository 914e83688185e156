"""Evaluate language models honestly and fast: every number with its uncertainty, every failure a failure.

import harness
result = harness.evaluate("smollm2", ["demo/sentiment"], limit=20)
result.frame
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from harness.api import (
        Changes,
        Forecast,
        JobEnd,
        Listener,
        Opener,
        Overrides,
        Result,
        ResultTable,
        ShownPrompt,
        Where,
        ask_more,
        bundle,
        check_gate,
        compare,
        dry_run,
        evaluate,
        export,
        export_site,
        fetch,
        finetune,
        import_results,
        import_run,
        judge_check,
        merge,
        report,
        rescore,
        run_bundle,
        run_suite,
        selftest_gate,
        show_prompt,
        table,
        watch,
    )
    from harness.data import file, hub, packaged
    from harness.engine.backend import Backend, Options
    from harness.gate.result import GateResult
    from harness.kinds import (
        About,
        Data,
        Decoding,
        Extremes,
        Items,
        Template,
        classification,
        conversation,
        generation,
        judged,
        likelihood,
        multiple_choice,
        pair,
        probe,
        translation,
    )
    from harness.offline.network import no_network
    from harness.store import Store, open_store
    from harness.store.frames import load
    from harness.training.protocol import Protocol
    from harness.types import (
        Card,
        Choose,
        Chosen,
        Constraint,
        Dataset,
        Estimate,
        Example,
        Failed,
        Generate,
        Generated,
        Judged,
        JudgeModel,
        Likelihood,
        Message,
        Metric,
        Outcome,
        Run,
        Scored,
        Settings,
        Shots,
        Task,
    )

__all__ = [
    "About",
    "Backend",
    "Card",
    "Changes",
    "Choose",
    "Chosen",
    "Constraint",
    "Data",
    "Dataset",
    "Decoding",
    "Estimate",
    "Example",
    "Extremes",
    "Failed",
    "Forecast",
    "GateResult",
    "Generate",
    "Generated",
    "Items",
    "JobEnd",
    "JudgeModel",
    "Judged",
    "Likelihood",
    "Listener",
    "Message",
    "Metric",
    "Opener",
    "Options",
    "Outcome",
    "Overrides",
    "Protocol",
    "Result",
    "ResultTable",
    "Run",
    "Scored",
    "Settings",
    "Shots",
    "ShownPrompt",
    "Store",
    "Task",
    "Template",
    "Where",
    "ask_more",
    "bundle",
    "check_gate",
    "classification",
    "compare",
    "conversation",
    "dry_run",
    "evaluate",
    "export",
    "export_site",
    "fetch",
    "file",
    "finetune",
    "generation",
    "hub",
    "import_results",
    "import_run",
    "judge_check",
    "judged",
    "likelihood",
    "load",
    "merge",
    "multiple_choice",
    "no_network",
    "open_store",
    "packaged",
    "pair",
    "probe",
    "report",
    "rescore",
    "run_bundle",
    "run_suite",
    "selftest_gate",
    "show_prompt",
    "table",
    "translation",
    "watch",
]

_MODULES = {
    "harness.api": (
        "Changes Forecast JobEnd Listener Opener Overrides Result ResultTable ShownPrompt Where ask_more bundle "
        "check_gate compare dry_run evaluate export export_site fetch finetune import_results import_run judge_check "
        "merge report rescore run_bundle run_suite selftest_gate show_prompt table watch"
    ),
    "harness.data": "file hub packaged",
    "harness.engine.backend": "Backend Options",
    "harness.gate.result": "GateResult",
    "harness.kinds": (
        "About Data Decoding Extremes Items Template classification conversation generation judged "
        "likelihood multiple_choice pair probe translation"
    ),
    "harness.offline.network": "no_network",
    "harness.store": "Store open_store",
    "harness.store.frames": "load",
    "harness.training.protocol": "Protocol",
    "harness.types": (
        "Card Choose Chosen Constraint Dataset Estimate Example Failed Generate Generated Judged JudgeModel Likelihood "
        "Message Metric Outcome Run Scored Settings Shots Task"
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

if not TYPE_CHECKING:  # a type checker sees the imports above, and reports a name that is not there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used, so that ``import harness`` costs nothing."""
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            return version("rai-harness")
        if name not in _HOMES:
            raise AttributeError(f"module 'harness' has no attribute {name!r}; it has {', '.join(__all__)}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for editors and shells."""
    return sorted([*__all__, "__version__"])
