"""Campaigns of human ratings in the catalogue: who is shown what, and an append-only list of what was said.

Plain JSON in and out; ``harness.people`` knows what it means. Two processes may write for the same rater at once: one
of them is told that the item has been rated.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, update

from harness.errors import UnknownName, UsageError
from harness.store.database import reading, writing
from harness.store.schema import ASSIGNMENTS, CAMPAIGN_ITEMS, CAMPAIGNS, RATERS, RATINGS

UNDONE: Mapping[str, Any] = {}
"""The answer of a rating that was taken back."""


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign as it was made; ``dropped``: examples that could not be shown, by reason."""

    id: str
    name: str
    version: int
    definition: Mapping[str, Any]
    dropped: Mapping[str, int]
    created: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a rater is shown at a position of the queue: item ``number``, ``swapped`` if its second text is first."""

    rater: str
    position: int
    number: int
    repeated: bool
    swapped: bool


@dataclass(frozen=True, slots=True)
class StoredRating:
    """One row of the list: ``answer`` is empty where an earlier revision was taken back. ``at`` is ISO 8601 in UTC."""

    rater: str
    position: int
    revision: int
    answer: Mapping[str, Any]
    seconds: float
    at: str


class Ratings:
    """The campaigns of a store. Every method raises StoreError when the database cannot be read or written."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # ---------------------------------------------------------------------------------------------------- campaigns
    def create(
        self,
        campaign: StoredCampaign,
        items: Sequence[Mapping[str, Any]],
        assignments: Sequence[Assignment],
        tokens: Mapping[str, str],
    ) -> None:
        """Enter a campaign with its items, queues and the token of every rater, instead of one that nobody rated yet.

        Raises UsageError where this version has ratings: what they were given for cannot be changed.
        """
        with writing(self.engine) as connection:
            rated = select(func.count()).where(RATINGS.c.campaign_id == campaign.id)
            if connection.execute(rated).scalar():
                raise UsageError(
                    f"campaign {campaign.name} has ratings in version {campaign.version}: what was rated cannot be "
                    f"changed; give the changed campaign version = {campaign.version + 1}"
                )
            connection.execute(delete(CAMPAIGNS).where(CAMPAIGNS.c.id == campaign.id))
            connection.execute(insert(CAMPAIGNS), _columns(campaign))
            rows = [{"campaign_id": campaign.id, "number": n, "item": dict(item)} for n, item in enumerate(items)]
            connection.execute(insert(CAMPAIGN_ITEMS), rows)
            connection.execute(insert(ASSIGNMENTS), [{"campaign_id": campaign.id, **_columns(a)} for a in assignments])
            raters = [{"rater": rater, "token_sha256": digest(token)} for rater, token in tokens.items()]
            connection.execute(insert(RATERS), [{"campaign_id": campaign.id, **row} for row in raters])

    def campaigns(self) -> list[StoredCampaign]:
        """All campaigns, the newest version of a name first."""
        with reading(self.engine) as connection:
            query = select(CAMPAIGNS).order_by(CAMPAIGNS.c.name, CAMPAIGNS.c.version.desc())
            return [StoredCampaign(**row._mapping) for row in connection.execute(query)]

    def campaign(self, name: str) -> StoredCampaign:
        """The newest version of a name, or the one that "name@version" says. Raises UnknownName."""
        every = self.campaigns()
        for one in every:
            if name in (one.name, one.id):
                return one
        raise UnknownName("campaign", name, [one.id for one in every])

    def items(self, campaign_id: str) -> list[Mapping[str, Any]]:
        """The items of a campaign by their number."""
        query = select(CAMPAIGN_ITEMS.c.item).where(CAMPAIGN_ITEMS.c.campaign_id == campaign_id)
        with reading(self.engine) as connection:
            return list(connection.execute(query.order_by(CAMPAIGN_ITEMS.c.number)).scalars())

    # ------------------------------------------------------------------------------------------------------- raters
    def raters(self, campaign_id: str) -> dict[str, bool]:
        """Every rater of a campaign, and whether they may still enter."""
        query = select(RATERS.c.rater, RATERS.c.token_sha256).where(RATERS.c.campaign_id == campaign_id)
        with reading(self.engine) as connection:
            return {rater: token is not None for rater, token in connection.execute(query.order_by(RATERS.c.rater))}

    def rater(self, campaign_id: str, token: str) -> str | None:
        """Whose token it is; None for nobody's or a revoked one."""
        query = select(RATERS.c.rater).where(
            RATERS.c.campaign_id == campaign_id, RATERS.c.token_sha256 == digest(token)
        )
        with reading(self.engine) as connection:
            return connection.execute(query).scalar()

    def set_token(self, campaign_id: str, rater: str, token: str | None) -> None:
        """Give a rater another token, which ends the one before; None: no more entering. Raises UnknownName."""
        known = self.raters(campaign_id)
        if rater not in known:
            raise UnknownName("rater", rater, known)
        change = update(RATERS).where(RATERS.c.campaign_id == campaign_id, RATERS.c.rater == rater)
        with writing(self.engine) as connection:
            connection.execute(change.values(token_sha256=digest(token) if token is not None else None))

    def assignments(self, campaign_id: str, rater: str | None = None) -> list[Assignment]:
        """Queues in order: of one rater, or of all."""
        columns = ASSIGNMENTS.c
        query = select(*(columns[name] for name in Assignment.__slots__)).where(columns.campaign_id == campaign_id)
        if rater is not None:
            query = query.where(columns.rater == rater)
        with reading(self.engine) as connection:
            return [Assignment(*row) for row in connection.execute(query.order_by(columns.rater, columns.position))]

    # ------------------------------------------------------------------------------------------------------ ratings
    def rate(
        self, campaign_id: str, rater: str, position: int, answer: Mapping[str, Any], seconds: float = 0.0
    ) -> StoredRating:
        """Add a rating. Raises UsageError for an item that is not this rater's or has been rated."""
        with writing(self.engine) as connection:
            _hold(connection, campaign_id, rater)
            mine = select(ASSIGNMENTS.c.number).where(
                ASSIGNMENTS.c.campaign_id == campaign_id,
                ASSIGNMENTS.c.rater == rater,
                ASSIGNMENTS.c.position == position,
            )
            if connection.execute(mine).first() is None:
                raise UsageError(f"rater {rater} has no item at position {position}")
            last = _last(connection, campaign_id, rater, position)
            if last is not None and last.answer:
                raise UsageError(f"rater {rater} has rated the item at position {position} already; undo that first")
            return _add(connection, campaign_id, rater, position, last, answer, seconds)

    def add_all(self, campaign_id: str, rows: Sequence[tuple[str, int, Mapping[str, Any], float]]) -> None:
        """Add ratings (rater, position, answer, seconds), all or none. Raises UsageError for an item rated already."""
        with writing(self.engine) as connection:
            for rater in sorted({row[0] for row in rows}):
                _hold(connection, campaign_id, rater)
            newest = {(one.rater, one.position): one for one in _ratings(connection, campaign_id, None)}
            for rater, position, answer, seconds in rows:
                last = newest.get((rater, position))
                if last is not None and last.answer:
                    raise UsageError(f"rater {rater} has rated the item at position {position} already")
                _add(connection, campaign_id, rater, position, last, answer, seconds)

    def undo(self, campaign_id: str, rater: str) -> int | None:
        """Take back the newest rating of a rater; gives its position, None where there is none."""
        with writing(self.engine) as connection:
            _hold(connection, campaign_id, rater)
            live = [one for one in _ratings(connection, campaign_id, rater) if one.answer]
            if not live:
                return None
            newest = max(live, key=lambda one: one.position)
            _add(connection, campaign_id, rater, newest.position, newest, UNDONE, 0.0)
            return newest.position

    def history(self, campaign_id: str, rater: str | None = None) -> list[StoredRating]:
        """Every row that was ever added, of one rater or of all, by rater, position and revision."""
        with reading(self.engine) as connection:
            return _rows(connection, campaign_id, rater)

    def ratings(self, campaign_id: str, rater: str | None = None) -> list[StoredRating]:
        """The ratings that count: the newest revision of each, without those taken back."""
        with reading(self.engine) as connection:
            return [one for one in _ratings(connection, campaign_id, rater) if one.answer]


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def now() -> str:
    """ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _columns(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _hold(connection: Connection, campaign_id: str, rater: str) -> None:
    """Let one process at a time write for a rater; an SQLite writer has the whole file anyway. Raises UsageError."""
    query = select(RATERS.c.token_sha256).where(RATERS.c.campaign_id == campaign_id, RATERS.c.rater == rater)
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        raise UsageError(f"there is no rater {rater!r} in campaign {campaign_id}")
    if row[0] is None:
        raise UsageError(f"rater {rater} may no longer rate in campaign {campaign_id}")


def _select(campaign_id: str, rater: str | None) -> Select[Any]:
    """The columns of a StoredRating: of one rater, or of all."""
    columns = RATINGS.c
    query = select(*(columns[name] for name in StoredRating.__slots__)).where(columns.campaign_id == campaign_id)
    return query if rater is None else query.where(columns.rater == rater)


def _rows(connection: Connection, campaign_id: str, rater: str | None) -> list[StoredRating]:
    ordered = _select(campaign_id, rater).order_by(RATINGS.c.rater, RATINGS.c.position, RATINGS.c.revision)
    return [StoredRating(*row) for row in connection.execute(ordered)]


def _ratings(connection: Connection, campaign_id: str, rater: str | None) -> list[StoredRating]:
    newest = {(one.rater, one.position): one for one in _rows(connection, campaign_id, rater)}
    return list(newest.values())


def _last(connection: Connection, campaign_id: str, rater: str, position: int) -> StoredRating | None:
    revisions = _select(campaign_id, rater).where(RATINGS.c.position == position)
    row = connection.execute(revisions.order_by(RATINGS.c.revision.desc()).limit(1)).first()
    return StoredRating(*row) if row else None


def _add(
    connection: Connection,
    campaign_id: str,
    rater: str,
    position: int,
    last: StoredRating | None,
    answer: Mapping[str, Any],
    seconds: float,
) -> StoredRating:
    row = StoredRating(rater, position, last.revision + 1 if last else 0, dict(answer), seconds, now())
    connection.execute(insert(RATINGS), {"campaign_id": campaign_id, **_columns(row)})
    return row
