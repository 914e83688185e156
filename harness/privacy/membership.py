"""Was a text in the training data? Attacks by likelihood, and always the baseline that asks no model beside them."""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.engine.backend import Backend
from harness.engine.causal.backend import Causal
from harness.engine.causal.reference import Reference
from harness.engine.likelihoods import likelihoods
from harness.errors import DataError
from harness.metrics.intervals import Ends, alike, clopper_pearson, quantile
from harness.privacy.surprise import surprises
from harness.types import Scored

Scores = NDArray[np.float64]
RARE = 0.01
"""False-positive rate at which true positives are told: an attack matters if it is sure of somebody."""
LOWEST = 0.2
"""Share of the least likely tokens that Min-K % looks at."""
FOLDS = 5
ROUNDING = 1e-12


def loss(scored: Scored) -> float:
    """Mean log-probability of a token (Yeom et al. 2018)."""
    return scored.logprob / max(1, scored.tokens)


def zipped(scored: Scored, text: str) -> float:
    """Mean log-probability over the length of the text packed with zlib (Carlini et al. 2021)."""
    return loss(scored) / len(zlib.compress(text.encode("utf-8", "replace")))


def min_k(logprobs: Sequence[float], share: float = LOWEST) -> float:
    """Mean of the lowest ``share`` of the tokens' log-probabilities, of one token at least (Shi et al. 2024).

    NaN without a token.
    """
    count = max(1, math.floor(share * len(logprobs)))
    return float(np.sort(np.asarray(logprobs, float))[:count].mean()) if len(logprobs) else math.nan


ATTACKS: Mapping[str, Callable[[Scored, str], float]] = {
    "loss": lambda scored, text: loss(scored),
    "zlib": zipped,
    "min_k": lambda scored, text: min_k(scored.token_logprobs),
}
"""Name -> score of a text; the higher, the likelier a member."""


@dataclass(frozen=True, slots=True)
class AttackResult:
    """How well a score tells members from others: AUC with DeLong's interval, and true positives at few false ones.

    ``caught`` of ``members`` lie above the threshold that RARE of the ``others`` pass.
    """

    name: str
    auc: float
    low: float
    high: float
    caught: int
    members: int
    others: int
    caught_interval: Ends


@dataclass(frozen=True, slots=True)
class Membership:
    """All attacks, and ``blind``: what the words of the texts alone tell, without any model."""

    attacks: tuple[AttackResult, ...]
    blind: AttackResult

    def words(self, attack: AttackResult) -> str:
        """What an attack shows, and no more than that."""
        if attack.high < 0.5:
            return "no evidence: the others are likelier to the model than the members"
        if attack.low <= 0.5:
            return "no evidence: members are not told from others"
        if attack.low <= self.blind.high and self.blind.low > 0.5:
            return "no evidence: the words alone, without the model, tell the two sets apart as well"
        return "members are likelier to the model than others, beyond what the words alone tell"


def membership(backend: Backend, members: Sequence[str], others: Sequence[str], *, seed: int = 0) -> Membership:
    """Attack a model with texts it was trained on and texts of the same kind that it was not.

    "min_k_plus" (Zhang et al. 2024), ``min_k`` of ``surprises``, is tried on local causal models alone.
    Raises DataError for fewer than FOLDS of either, and for texts without a token.
    """
    texts = [*members, *others]
    if min(len(members), len(others)) < FOLDS:
        raise DataError(f"{len(members)} members and {len(others)} others; valid: at least {FOLDS} of each")
    scored = likelihoods(backend, texts)
    is_member = np.arange(len(texts)) < len(members)
    scores = {
        name: np.array([score(one, text) for one, text in zip(scored, texts, strict=True)])
        for name, score in ATTACKS.items()
    }
    if isinstance(backend, Causal | Reference):
        scores["min_k_plus"] = np.array([min_k(one) for one in surprises(backend, texts)])
    blind = judge("blind", blind_scores(texts, is_member, seed), is_member)
    return Membership(tuple(judge(name, values, is_member) for name, values in scores.items()), blind)


def judge(name: str, scores: Scores, is_member: NDArray[np.bool_]) -> AttackResult:
    """AUC and true positives of a score [n]. Raises DataError for a score that is not a number."""
    if not np.isfinite(scores).all():
        raise DataError(f"attack {name}: text {int((~np.isfinite(scores)).argmax()) + 1} has no score")
    positive, negative = scores[is_member], scores[~is_member]
    auc, error = delong(positive, negative)
    low, high = _ends(auc, error, min(len(positive), len(negative)))
    allowed = math.floor(RARE * len(negative))
    caught = int((positive > np.sort(negative)[::-1][allowed]).sum())
    m, n = len(positive), len(negative)
    return AttackResult(name, auc, low, high, caught, m, n, clopper_pearson(caught, m))


def delong(positive: Scores, negative: Scores) -> tuple[float, float]:
    """The area under the ROC curve (ties count half) and its standard error (DeLong et al. 1988)."""
    from scipy.stats import rankdata

    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n  # of each member, the share of others below it
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    return float(above.mean()), math.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)


def _ends(auc: float, error: float, n: int) -> Ends:
    """In the logit, so that no end lies outside of 0 and 1; what ``n`` equal cases allow where DeLong's error is 0."""
    if error < ROUNDING:
        return alike(auc, (0.0, 1.0), n)
    middle, half = math.log(auc / (1 - auc)), quantile(0.975) * error / (auc * (1 - auc))
    return 1 / (1 + math.exp(-(middle - half))), 1 / (1 + math.exp(-(middle + half)))


def blind_scores(texts: Sequence[str], is_member: NDArray[np.bool_], seed: int = 0) -> Scores:
    """How much a text's words look like a member's, by naive Bayes over bags of words fitted without the text's fold.

    Log-odds with one added to every count, divided by the number of words.
    """
    bags = [Counter(text.lower().split()) for text in texts]
    folds = np.random.default_rng(seed).permutation(len(texts)) % FOLDS
    scores = np.zeros(len(texts))
    for fold in range(FOLDS):
        inside, outside = (_pooled(bags, (folds != fold) & (is_member == side)) for side in (True, False))
        vocabulary = len(inside | outside) + 1
        offset = math.log((outside.total() + vocabulary) / (inside.total() + vocabulary))
        for i in np.flatnonzero(folds == fold):
            odds = sum(n * (math.log((inside[w] + 1) / (outside[w] + 1)) + offset) for w, n in bags[i].items())
            scores[i] = odds / max(1, bags[i].total())
    return scores


def _pooled(bags: Sequence[Counter[str]], chosen: NDArray[np.bool_]) -> Counter[str]:
    pooled: Counter[str] = Counter()
    for i in np.flatnonzero(chosen):
        pooled.update(bags[int(i)])
    return pooled
