"""What the simulation lends a process: real stores behind a boundary that counts, and a stream that is a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstcome.stream.producer import Sent
from firstcome.stream.reader import Backlog, Page, Part
from firstcome.stream.record import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.ledger.ledger import Ledger
    from firstcome.rules import Ticket

PASSIVE = {"keys", "answering"}  # neither asks a server anything


class Boundary:
    """A store, lent to one process: everything it asks passes here."""

    def __init__(self, store: Any, reach: Callable[[], Callable[[], None]]) -> None:
        self._store = store
        self._reach = reach

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found) or name in PASSIVE:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            reached = self._reach()
            answer = found(*args, **kwargs)
            if isinstance(answer, Iterator):
                return self._lazily(answer)
            reached()
            return answer

        return call

    def _lazily(self, answer: Iterator[Any]) -> Iterator[Any]:
        """Count a read that happens page by page where it happens."""
        reached = self._reach()
        yield from answer
        reached()


class Alone:
    """Whether somebody is within a transaction, in which nobody else acts: they would wait for its locks."""

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class LedgerBoundary(Boundary):
    """The ledger, lent to one process. A decision and its row are one transaction, around several calls."""

    def __init__(self, store: Ledger, reach: Callable[[], Callable[[], None]], alone: Alone) -> None:
        super().__init__(store, reach)
        self._alone = alone

    def transact(self, work: Callable[[Any], Any]) -> Any:
        """Run the work, whose own calls are calls of this process."""
        reached = self._reach()
        with self._alone:
            answer = self._store.transact(work)
        reached()
        return answer


@dataclass
class Record:
    """One record of the stream."""

    value: bytes
    ticket: Ticket | None  # None: nobody can read it
    read: bool = False  # the group's offset has passed it


@dataclass
class Stream:
    """Producer and reader of a list of records, as the project's own classes answer."""

    log: list[Record] = field(default_factory=list)
    late: list[Record] = field(default_factory=list)
    how: str = ""  # the next send
    may_be_late: bool = True

    def send(self, ticket: Ticket, restore_epoch: int, _correlation_id: str) -> Sent:
        """Produce a record, or not; `how` says what becomes of it."""
        record = Record(encode(ticket, restore_epoch), ticket)
        if self.how == "damaged":
            record.value = record.value.replace(b'"v":1', b'"v":9')
        if self.how == "late" and self.may_be_late:
            self.late.append(record)
        elif self.how not in {"never", "late"}:
            self.log.append(record)
        return Sent.DELIVERED if self.how in {"delivered", "damaged"} else Sent.UNKNOWN

    def unread(self, _event_id: str, _timeout_ms: int | None = None) -> list[Ticket]:
        """Return the tickets that the group has not read."""
        return [record.ticket for record in self.log if record.ticket and not record.read]

    def history(self, _event_id: str, _timeout_ms: int | None = None) -> list[Ticket]:
        """Return every ticket that was ever in the stream."""
        return [record.ticket for record in self.log if record.ticket]

    def parts(self) -> list[Part]:
        """Return the whole of it as one part."""
        return [Part(0, 0, len(self.log), len(self.log), None)]

    def page(self, _event_id: str, part: Part, limit: int) -> Page:
        """Return the tickets of the part's next `limit` records, and what is left of it."""
        records = [record for record in self.log[part.start : part.end][:limit] if record.ticket]
        rest = part._replace(start=min(part.start + limit, part.end))
        return Page(
            [record.ticket for record in records if record.read and record.ticket],
            [record.ticket for record in records if not record.read and record.ticket],
            rest,
        )

    def lag(self, _timeout_ms: int | None = None) -> int:
        """Return how many records are unread."""
        return sum(not record.read for record in self.log)

    def caught_up(self, _timeout_ms: int | None = None) -> bool:
        """Return whether every record is read."""
        return self.lag() == 0

    def backlog(self, _timeout_ms: int | None = None) -> Backlog:
        """Return that nothing explains a pending ticket: the sweep may take any, and no clock decides a test."""
        return Backlog(self.lag(), None)
