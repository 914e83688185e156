"""Dialogue and customer service: intents of a bank's customers, and an assistant's next turn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, classification, generation
from harness.metrics.measures import ACC, BLEU, CHRF, F1_MACRO, ROUGE_L
from harness.types import Card, Row, Shots

INTENTS = (
    "activate_my_card",
    "age_limit",
    "apple_pay_or_google_pay",
    "atm_support",
    "automatic_top_up",
    "balance_not_updated_after_bank_transfer",
    "balance_not_updated_after_cheque_or_cash_deposit",
    "beneficiary_not_allowed",
    "cancel_transfer",
    "card_about_to_expire",
    "card_acceptance",
    "card_arrival",
    "card_delivery_estimate",
    "card_linking",
    "card_not_working",
    "card_payment_fee_charged",
    "card_payment_not_recognised",
    "card_payment_wrong_exchange_rate",
    "card_swallowed",
    "cash_withdrawal_charge",
    "cash_withdrawal_not_recognised",
    "change_pin",
    "compromised_card",
    "contactless_not_working",
    "country_support",
    "declined_card_payment",
    "declined_cash_withdrawal",
    "declined_transfer",
    "direct_debit_payment_not_recognised",
    "disposable_card_limits",
    "edit_personal_details",
    "exchange_charge",
    "exchange_rate",
    "exchange_via_app",
    "extra_charge_on_statement",
    "failed_transfer",
    "fiat_currency_support",
    "get_disposable_virtual_card",
    "get_physical_card",
    "getting_spare_card",
    "getting_virtual_card",
    "lost_or_stolen_card",
    "lost_or_stolen_phone",
    "order_physical_card",
    "passcode_forgotten",
    "pending_card_payment",
    "pending_cash_withdrawal",
    "pending_top_up",
    "pending_transfer",
    "pin_blocked",
    "receiving_money",
    "Refund_not_showing_up",
    "request_refund",
    "reverted_card_payment?",
    "supported_cards_and_currencies",
    "terminate_account",
    "top_up_by_bank_transfer_charge",
    "top_up_by_card_charge",
    "top_up_by_cash_or_cheque",
    "top_up_failed",
    "top_up_limits",
    "top_up_reverted",
    "topping_up_by_card",
    "transaction_charged_twice",
    "transfer_fee_charged",
    "transfer_into_account",
    "transfer_not_received_by_recipient",
    "transfer_timing",
    "unable_to_verify_identity",
    "verify_my_identity",
    "verify_source_of_funds",
    "verify_top_up",
    "virtual_card_not_working",
    "visa_or_mastercard",
    "why_verify_identity",
    "wrong_amount_of_cash_received",
    "wrong_exchange_rate_for_cash_withdrawal",
)


def _spoken(intent: str) -> str:
    return " " + intent.replace("_", " ").rstrip("?").lower()


BANKING77 = classification(
    "banking77",
    data=Data(
        hub("PolyAI/banking77", "default", "test"),
        shots=Shots(dataset=(hub("PolyAI/banking77", "default", "train"),)),
    ),
    prompt=Template("Customer: {text}\nWhat the customer wants:", inputs=("text",)),
    labels={intent: _spoken(intent) for intent in INTENTS},
    target="label",
    measures=(ACC, F1_MACRO),
    about=About(
        version=1,
        tags=("dialogue",),
        card=Card(
            measures="Which of 77 intents a message to a bank has.",
            limits="English, one bank; intents overlap and some labels are known to be wrong. Accuracy by "
            "log-probability favours short intents.",
            source="https://huggingface.co/datasets/PolyAI/banking77",
            licence="CC BY 4.0",
            citation="Casanueva et al. 2020, Efficient Intent Detection with Dual Sentence Encoders",
        ),
    ),
)


def _turns(turns: Any) -> list[tuple[str, str]]:
    """(speaker, utterance) from a list of turns, or from the Hub's lists of columns with speakers 0 and 1."""
    if isinstance(turns, Mapping):
        pairs = zip(turns["speaker"], turns["utterance"], strict=True)
        return [(("USER", "SYSTEM")[who] if isinstance(who, int) else who, said) for who, said in pairs]
    return [(turn["speaker"], turn["utterance"]) for turn in turns]


def replies(rows: Sequence[Row]) -> Iterator[Row]:
    """Every turn of the assistant becomes an example with all turns before it."""
    for row in rows:
        said: list[str] = []
        for who, utterance in _turns(row["turns"]):
            if who == "SYSTEM":
                yield {
                    "id": f"{row['dialogue_id']}/{len(said)}",
                    "dialogue_id": row["dialogue_id"],
                    "service": row["services"][0].split("_")[0],
                    "history": "\n".join(said),
                    "reply": utterance,
                }
            said.append(("Assistant: " if who == "SYSTEM" else "Customer: ") + utterance)


SCHEMA_GUIDED = generation(
    "schema_guided",
    data=Data(
        hub("google-research-datasets/schema_guided_dstc8", "dialogues", "validation"),
        slices=("service",),
        cluster="dialogue_id",
        prepare=replies,
    ),
    prompt="{history}\nAssistant:",
    target="reply",
    decoding=Decoding(max_tokens=64, stop=("\n",)),
    measures=(BLEU, CHRF, ROUGE_L),
    about=About(
        version=1,
        tags=("dialogue", "generation"),
        card=Card(
            measures="The assistant's next turn in a dialogue about a service, given all turns before it.",
            limits="The model sees neither the database nor the planned act, so names and times cannot be known: "
            "compare models, do not read the values as quality. BLEU is sacrebleu's 13a with case on the plain text; "
            "published ones are mostly on lower-cased texts with names and times replaced by slots. One reference.",
            source="https://huggingface.co/datasets/google-research-datasets/schema_guided_dstc8",
            licence="CC BY-SA 4.0",
            citation="Rastogi et al. 2020, Towards Scalable Multi-domain Conversational Agents",
        ),
    ),
)

TASKS = (BANKING77, SCHEMA_GUIDED)
