"""What releases before catalogue 0003 kept in the names and signatures of metrics, as fields of their own.

It is used by the migration of a store and for the files that such releases exported; the names are those of then.
"""

from collections.abc import Mapping, Set
from typing import Any

CALIBRATION = frozenset({
    "brier_multi", "nll_choice", "ece_mass_10", "ece_mass_10_floor", "ece_width_10", "ece_width_10_floor", "acc_at_50",
    "acc_at_80",
})  # fmt: skip
SCORER = ("scorer_fpr", "scorer_fpr_control")
FLIPS, FLOOR, CHANGE, ORDER = "flip_rate", "_floor", "_change", "option-order"
TELLS = {FLIPS: "flips", "mcnemar_p": "test"}
CONTENTS = "|contents:"
INTERVALS = ("wilson", "t", "log", "jackknife", "none")


def scorer_of(metrics: Any) -> str:
    """What scored the texts of a task, which the signature of the scorer's own errors told."""
    for kept in metrics if isinstance(metrics, list) else ():
        if isinstance(kept, Mapping) and kept.get("name") == SCORER[0]:
            return str(kept.get("signature", "")).removeprefix("scorer ")
    return ""


def fields_of(metrics: Any) -> Any:
    """The metrics of a task with every fact in its field; what is no metric stays as it is."""
    if not isinstance(metrics, list):
        return metrics
    names = {kept["name"] for kept in metrics if _is_metric(kept)}
    labels = {name.partition(":")[2] for name in names if name.startswith(f"{FLIPS}:")}
    return [_fields_of(kept, labels) if _is_metric(kept) else kept for kept in metrics]


def _is_metric(kept: Any) -> bool:
    return isinstance(kept, Mapping) and isinstance(kept.get("name"), str)


def _fields_of(kept: Mapping[str, Any], labels: Set[str]) -> dict[str, Any]:
    variant = _variant(kept["name"], labels)
    signature, _, contents = str(kept.get("signature", "")).partition(CONTENTS)
    interval = kept.get("interval", "jackknife")
    return {
        **{"better": "higher", "ideal": None, "limits": "", "kind": "", "scale": 1.0, "bounds": [None, None]},
        **kept,
        "interval": interval if interval in INTERVALS else "jackknife",
        "signature": signature,
        "contents": contents,
        "family": _family(kept["name"], variant, labels),
        "variant": variant,
    }


def _family(name: str, variant: object, labels: Set[str]) -> str:
    if variant or (labels and name == "robust_acc"):
        return "variant"
    return "calibration" if name in CALIBRATION else "scorer" if name in SCORER else "score"


def _variant(name: str, labels: Set[str]) -> dict[str, str] | None:
    """The variant of a metric that was called ``METRIC:LABEL``; None of one that told of the examples as they stand."""
    label = max((label for label in labels if name.endswith(f":{label}")), key=len, default="")
    if not label:
        return None
    metric = name.removesuffix(f":{label}")
    tells = TELLS.get(metric, "change" if metric.endswith(CHANGE) else "score")
    swap = label.removesuffix(FLOOR)
    if label.endswith(FLOOR) and swap in labels:
        kind = "floor"
    elif label + FLOOR in labels:
        kind = "swap"
    else:
        kind, swap = "order" if label == ORDER else "edit", ""
    told = {"score": metric, "change": metric.removesuffix(CHANGE)}.get(tells, "")
    return {"label": label, "kind": kind, "tells": tells, "metric": told, "swap": swap}
