"""The rating desk: makes campaigns, lets raters in, shows them their next item and takes what they say.

Nothing that leaves ``Desk.next`` for a rater's browser says which model wrote a text, or that an item is a check or a
repeat.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from harness.errors import UnknownName, UsageError
from harness.people.answers import Answer, checked
from harness.people.campaign import Campaign, restored, stored
from harness.people.items import Item, draw, queues, restored_item, stored_item
from harness.store.ratings import Assignment, StoredCampaign, StoredRating, now

if TYPE_CHECKING:
    from harness.store import Store

TOKEN = 24
"""Random bytes of a rater's token: nobody guesses one."""
SIDES = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a rater sees: ``texts`` in the order of the screen. ``done`` of ``total`` positions of the queue are
    rated.
    """

    position: int
    prompt: str
    texts: tuple[str, ...]
    reference: str
    done: int
    total: int


def create(store: Store, campaign: Campaign) -> tuple[Campaign, dict[str, str], dict[str, int]]:
    """Make a campaign: (it with whole run ids, every rater's token, examples that could not be shown by reason).

    The tokens are told this once; the store keeps what recognises them. Raises UsageError, see ``items.draw`` and
    ``Ratings.create``.
    """
    campaign = replace(campaign, runs=tuple(store.run(name).id for name in campaign.runs))
    items, dropped = draw(store, campaign)
    tokens = {rater: secrets.token_urlsafe(TOKEN) for rater in campaign.codes}
    kept = StoredCampaign(campaign.id, campaign.name, campaign.version, stored(campaign), dropped, now())
    store.ratings.create(kept, [stored_item(item) for item in items], queues(campaign, items), tokens)
    return campaign, tokens, dropped


def reissue(store: Store, name: str, rater: str, *, revoke: bool = False) -> str | None:
    """Another token for a rater, which ends the one before; ``revoke``: none. Raises UnknownName."""
    token = None if revoke else secrets.token_urlsafe(TOKEN)
    store.ratings.set_token(store.ratings.campaign(name).id, rater, token)
    return token


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """How much of a campaign is rated: ``rated`` of ``assigned`` positions in its queues."""

    campaign: str
    kind: str
    task: str
    rated: int
    assigned: int
    created: str


def progress(store: Store) -> list[CampaignProgress]:
    """All campaigns, the newest version of a name first."""
    return [
        CampaignProgress(
            campaign=kept.id,
            kind=kept.definition["kind"],
            task=kept.definition["task"],
            rated=len(store.ratings.ratings(kept.id)),
            assigned=len(store.ratings.assignments(kept.id)),
            created=kept.created,
        )
        for kept in store.ratings.campaigns()
    ]


def link(address: str, campaign: str, token: str) -> str:
    """The address at which a rater rates: of the rating page, with the campaign and the rater's token."""
    return f"{address.rstrip('/')}/?{urlencode({'campaign': campaign, 'rater': token})}"


@dataclass(frozen=True, slots=True)
class Desk:
    """One rater at one campaign."""

    store: Store
    campaign: Campaign
    rater: str
    items: tuple[Item, ...]
    queue: tuple[Assignment, ...]

    def next(self) -> Shown | None:
        """The first item of the queue without a rating; None when all is done."""
        rated = {rating.position for rating in self.store.ratings.ratings(self.campaign.id, self.rater)}
        for one in self.queue:
            if one.position not in rated:
                item = self.items[one.number]
                texts = item.texts[::-1] if one.swapped else item.texts
                return Shown(one.position, item.prompt, texts, item.reference, len(rated), len(self.queue))
        return None

    def rate(self, position: int, answer: Answer, seconds: float = 0.0) -> StoredRating:
        """Take an answer as the rater sees it: "first" is the first text on the screen.

        Raises UsageError for an answer outside of the scale and for an item that is rated already or is another
        rater's.
        """
        assigned = next((one for one in self.queue if one.position == position), None)
        if assigned is None:
            raise UsageError(f"rater {self.rater} has no item at position {position}")
        answer = checked(self.campaign, self.items[assigned.number].texts, answer)
        if assigned.swapped and "choice" in answer:
            answer = {"choice": SIDES[answer["choice"]]}
        return self.store.ratings.rate(self.campaign.id, self.rater, position, answer, max(0.0, seconds))

    def undo(self) -> int | None:
        """Take back the newest rating; gives its position."""
        return self.store.ratings.undo(self.campaign.id, self.rater)


def enter(store: Store, name: str, token: str) -> Desk:
    """The desk of whoever has this token. Raises UsageError in one sentence for nobody's, and for no campaign alike."""
    try:
        kept = store.ratings.campaign(name)
        rater = store.ratings.rater(kept.id, token) if token else None
    except UnknownName:  # whose names are nothing for somebody without a link
        rater = None
    if rater is None:
        raise UsageError("this rater code is not known, or no longer; ask whoever sent you the link for another")
    return desk_of(store, kept, rater)


def desk_of(store: Store, kept: StoredCampaign, rater: str) -> Desk:
    """The desk of a rater by pseudonym."""
    items = tuple(restored_item(item) for item in store.ratings.items(kept.id))
    return Desk(store, restored(kept.definition), rater, items, tuple(store.ratings.assignments(kept.id, rater)))
