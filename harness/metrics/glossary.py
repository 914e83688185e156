"""Every metric in a sentence: what it counts and how, for readers who do not know its name."""

from collections.abc import Iterator

from harness.types import Metric

MEANINGS = {
    "abstained": "share of answers that commit to nothing, such as 'I have no comment'",
    "acc": "accuracy: share of questions whose likeliest choice is a right one",
    "acc_amb": "accuracy where the context does not tell, so that 'unknown' is right",
    "acc_at_50": "accuracy on the half of the answers of which the model is surest",
    "acc_at_80": "accuracy on the 80 % of the answers of which the model is surest",
    "acc_bytes": "accuracy with log-probabilities divided by the bytes of a choice, which takes no account of length",
    "acc_dis": "accuracy where the context tells who is meant",
    "acc_female": "accuracy on sentences whose pronoun is she",
    "acc_male": "accuracy on sentences whose pronoun is he",
    "acc_neutral": "accuracy on sentences whose pronoun is they",
    "acc_norm": "accuracy with log-probabilities divided by the characters of a choice, so that length does not count",
    "attack_success": "share of attacks after which a model did what they were after",
    "bits_per_byte": "-log2 P(text) / bytes of the text: independent of the tokenizer",
    "bleu": "BLEU: geometric mean of the precisions of 1- to 4-grams x brevity penalty, over the corpus (sacrebleu)",
    "brier_multi": "mean over questions of the sum over choices of (probability - (1 if right else 0))^2",
    "byte_perplexity": "exp(-ln P(text) / bytes)",
    "chrf": "chrF: F-score (beta 2) of the mean precision and recall of character 1- to 6-grams (sacrebleu)",
    "chrf++": "chrF with 1- and 2-grams of words besides those of characters (sacrebleu)",
    "compliance": "share of prompts that were complied with",
    "compliance_corrected": "share of prompts complied with, corrected for the detector's known errors",
    "compliance_safe": "share of harmless prompts that were complied with",
    "compliance_safe_corrected": "share of harmless prompts complied with, corrected for the detector's known errors",
    "compliance_unsafe": "share of harmful prompts that were complied with",
    "compliance_unsafe_corrected": "share of harmful prompts complied with, corrected for the detector's known errors",
    "compression_ratio": "bytes of all answers / their bytes after gzip: high where answers repeat each other",
    "consistency": "share of sentences for which he, she and they are taken for the same person",
    "correct": "share of answers that are true and commit to something",
    "difference_ll": "mean over pairs of ln P per token, stereotyping less other sentence",
    "difference_pll": "mean over pairs of the pseudo-log-likelihood, stereotyping less other sentence",
    "distinct_1": "distinct words / words of all answers",
    "distinct_2": "distinct pairs of words / pairs of words of all answers",
    "distinct_3": "distinct triples of words / triples of words of all answers",
    "ece_mass_10": "expected calibration error, ten bins of equal size: mean |share right - mean confidence|",
    "ece_mass_10_floor": "what noise alone makes of ece_mass_10 in a model that is calibrated",
    "ece_width_10": "expected calibration error, ten bins of equal width: mean |share right - mean confidence|",
    "ece_width_10_floor": "what noise alone makes of ece_width_10 in a model that is calibrated",
    "exact_match": "share of answers that equal a reference after the task's normalisation",
    "expected_maximum_toxicity": "mean over prompts of the highest toxicity among the continuations",
    "f1": "F1: harmonic mean of precision and recall (of the positive class, or of the words of an answer)",
    "f1_macro": "mean over classes of F1",
    "f1a": "F1 over all answers to all questions: 2 x hits / (right + predicted)",
    "flexible-extract": "share of questions whose last number in the answer is right",
    "gap": "accuracy on pro-stereotypical less accuracy on anti-stereotypical sentences; 0: no lean",
    "gender_parity": "share of pairs, alike but for gender, that get the same answer",
    "honest": "mean share of hurtful completions among those that were asked of a template",
    "icat": "ICAT = LM x min(SS, 100 - SS) / 50: 100 is fluent and unbiased, 50 random choice, 0 wholly stereotyped",
    "inst_level_loose_acc": "share of instructions followed by the answer, or without its edges and stars",
    "inst_level_strict_acc": "share of instructions that the answer follows as it is",
    "lm": "LM score: percent of contexts whose meaningful sentence is preferred to the unrelated one",
    "log_odds_she": "mean of ln P(she) - ln P(he); 0: no lean",
    "matthews": "Matthews' correlation of predicted and right labels (R_K for more than two); 0: no better than chance",
    "mc2": "mean probability that falls on the true among all answers offered",
    "nll_choice": "mean of -ln P(right choice), probabilities normalised over the choices",
    "original": "share of right answers to questions as they were published",
    "partial": "share of answers that refuse in part",
    "partial_safe": "share of answers to harmless prompts that refuse in part",
    "partial_unsafe": "share of answers to harmful prompts that refuse in part",
    "pearson": "Pearson's correlation of predicted and right scores",
    "perplexity": "exp(-ln P(target) / tokens)",
    "prefers_she": "share of sentences in which she is likelier than he; 0.5: no lean",
    "prompt_level_loose_acc": "share of prompts all of whose instructions are followed, or without edges and stars",
    "prompt_level_strict_acc": "share of prompts all of whose instructions the answer follows as it is",
    "refusal": "share of prompts that were refused",
    "refusal_safe": "share of harmless prompts that were refused: exaggerated caution",
    "refusal_unsafe": "share of harmful prompts that were refused",
    "renumbered": "mean over questions of the share of right answers to them with other numbers",
    "renumbering_gap": "mean over questions of: right as published, less the share right with other numbers",
    "repetition": "mean share of an answer's 4-grams that occurred in it before",
    "rouge1": "ROUGE-1: F1 of the words that answer and reference share",
    "rouge1_acc": "share of answers whose ROUGE-1 is higher with a true than with any false reference",
    "rouge2": "ROUGE-2: F1 of the pairs of words that answer and reference share",
    "rougeL": "ROUGE-L: F1 of the longest common subsequence of words",
    "rougeLsum": "ROUGE-L of a summary, sentence by sentence",
    "rougeLsum_acc": "share of answers whose ROUGE-Lsum is higher with a true than with any false reference",
    "s_amb": "(1 - accuracy) x lean towards the stereotype, where the context does not tell; 0: no lean, 1: always",
    "s_dis": "2 x stereotyped / answers that name a person - 1, where the context tells; 0: no lean, 1: always",
    "self_bleu": "mean BLEU of each answer against all others: high where answers are alike",
    "self_repetition": "ln of 1 + how often an answer's 4-grams occur in other answers, on average",
    "share_correlation": "Pearson's correlation of an occupation's share of women with how much likelier she makes it",
    "spearman": "Spearman's correlation of the ranks of predicted and right scores",
    "ss": "stereotype score: percent of contexts whose stereotype is preferred to the anti-stereotype; 50: no lean",
    "stereotype_ll": "percent of pairs whose stereotyping sentence is likelier; 50: no lean",
    "stereotype_pll": "percent of pairs whose stereotyping sentence has the higher pseudo-likelihood; 50: no lean",
    "stereotyped": "percent of sentences that prefer the pronoun of the occupation's majority; 50: no lean",
    "strict-match": "share of questions whose answer in the prescribed form (#### 42) is right",
    "ter": "TER: edits (insertions, deletions, substitutions, shifts) / words of the reference x 100 (sacrebleu)",
    "ties_ll": "percent of pairs of which neither sentence is likelier",
    "ties_pll": "percent of pairs of which neither sentence has the higher pseudo-likelihood",
    "token_perplexity": "exp(-ln P(text) / tokens): comparable between models of one tokenizer only",
    "toxic": "share of texts whose toxicity is at least 0.5",
    "toxicity": "mean toxicity of texts, 0 to 1, as the run's scorer gives it",
    "toxicity_probability": "share of prompts with at least one toxic continuation",
    "without_attack": "share of prompts answered as an attack wants although none was made",
    "word_perplexity": "exp(-ln P(text) / words): independent of the tokenizer",
    "wrong": "share of answers that are false",
}


def meaning(name: str, metric: Metric) -> str:
    """What a metric is, in a sentence; of one of somebody else's what its own fields say, "" where they say nothing."""
    return MEANINGS.get(name) or metric.limits or metric.signature


def properties(metric: Metric) -> Iterator[str]:
    """Direction, range and interval of a metric, a sentence each."""
    ideal = (
        f"the nearer to {metric.ideal:g}, the better" if metric.ideal is not None else "neither high nor low is better"
    )
    yield {"higher": "higher is better", "lower": "lower is better", "ideal": ideal}[metric.better]
    low, high = metric.bounds
    yield f"range {low:g} to {high:g}"
    yield {
        "wilson": "Wilson's score interval",
        "t": "interval of a mean (Student's t, within the range)",
        "log": "interval of its logarithm",
        "none": "no interval: it is a reference value",
        "jackknife": "interval from the cluster jackknife, within the range",
    }[metric.interval]
