"""What a rater answers with: buttons with keys, a slider, labels, marked words. An answer is as the screen has it."""

import re
from typing import Any

import streamlit as st

from harness.people.answers import Answer
from harness.people.campaign import Campaign
from harness.people.desk import Shown
from harness.people.scores import SEVERITIES
from harness_dashboard.widgets.text import cut, escaped

PREFERENCES = (("first", "First is better", "1"), ("second", "Second is better", "2"), ("tie", "Equally good", "3"))
KEYS = 9
"""Anchors of a scale that have a key of their own."""


def ask(campaign: Campaign, shown: Shown) -> Answer | None:
    """The answer that was just given, None before. Widgets forget when the item or the number of ratings changes."""
    key = f"{shown.position} {shown.done}"
    if campaign.kind == "preference":
        return _preference(campaign, key)
    if campaign.kind == "likert":
        return _likert(campaign, key)
    if campaign.kind == "direct":
        return _direct(key)
    return _labels(campaign, key) if campaign.kind == "labels" else _marked(campaign, shown.texts[0], key)


def _preference(campaign: Campaign, key: str) -> Answer | None:
    offered = PREFERENCES if campaign.ties else PREFERENCES[:2]
    for column, (choice, label, shortcut) in zip(st.columns(len(offered)), offered, strict=True):
        with column:
            if st.button(label, shortcut=shortcut, key=f"{choice} {key}", width="stretch"):
                return {"choice": choice}
    return None


def _likert(campaign: Campaign, key: str) -> Answer | None:
    for value, anchor in enumerate(campaign.anchors, 1):
        shortcut = str(value) if value <= KEYS else None
        if st.button(f"{value}: {escaped(anchor)}", shortcut=shortcut, key=f"{value} of {key}", width="stretch"):
            return {"value": value}
    return None


def _direct(key: str) -> Answer | None:
    value = st.slider("From 0, worst, to 100, best", 0, 100, 50, key=f"slider {key}")
    return {"value": value} if st.button("Save", shortcut="Enter", key=f"save {key}", type="primary") else None


def _labels(campaign: Campaign, key: str) -> Answer | None:
    chosen = st.pills("What applies", campaign.labels, selection_mode="multi", format_func=escaped, key=f"labels {key}")
    return {"labels": list(chosen)} if st.button("Save", shortcut="Enter", key=f"save {key}", type="primary") else None


def _marked(campaign: Campaign, text: str, key: str) -> Answer | None:
    """Errors as a span of words, a category and a severity, added one by one."""
    errors: list[dict[str, Any]] = st.session_state.setdefault(f"errors {key}", [])
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    span = (
        st.select_slider(
            "From word to word",
            range(len(words)),
            value=(0, len(words) - 1),
            key=f"span {key}",
            format_func=lambda n: escaped(f"{n + 1}: {text[slice(*words[n])]}", 30),
        )
        if len(words) > 1
        else (0, 0)
    )
    category = st.selectbox("Category", campaign.categories, key=f"category {key}")
    severity = st.radio("Severity", list(SEVERITIES), index=1, horizontal=True, key=f"severity {key}")
    if st.button("Add error", shortcut="A", key=f"add {key}"):
        start, end = words[span[0]][0], words[span[1]][1]
        errors.append({"category": category, "severity": severity, "start": start, "end": end})
    for number, error in enumerate(errors):
        left, right = st.columns([5, 1])
        left.text(cut(f"{error['severity']} {error['category']}: {text[error['start'] : error['end']]}", 300))
        if right.button("Remove", key=f"remove {number} {len(errors)} {key}"):
            errors.pop(number)
            st.rerun()
    label = "Save" if errors else "Save: no errors"
    return {"errors": errors} if st.button(label, shortcut="Enter", key=f"save {key}", type="primary") else None
