"""What an audit finds, and the answer that it makes of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SHOWN = 20  # findings of one kind that the answer spells out; the figures count all
MOVED = "the gate moved while it was read: each finding was asked about again, and the figures are of several moments"
ANOTHER = "the gate was lost or restored while it was read, so gate and ledger were not compared: ask again"
RETRY = "none: the scheduled retry mends it; see that it runs"
NOBODY_CAN = "none: a key of the ledger is missing or a clock went back; call a person"

LAWS = {
    "I1": "never more than N coupon rows",
    "I2": "never two coupons for one person, nor one ticket for two",
    "I3": "whoever was accepted has a row, a ticket on its way, a failed row that an operator sees, or their refusal",
    "I4": "every ticket has a row, is on its way, is held by a failed row, or is free",
    "I5": "tickets are numbered in the order of the applications",
    "I6": "gate and ledger give one answer to one person",
    "I7": "a gate that lost something refuses everybody, and nothing of a live gate can go by itself",
}

OF_THE_GATE = frozenset(LAWS) - {"I1", "I2"}  # the laws that the ledger alone does not decide


@dataclass(slots=True)
class Report:
    """Figures and findings, by invariant: a few KB, whatever the size of the event."""

    figures: dict[str, dict[str, Any]] = field(default_factory=lambda: {law: {} for law in LAWS})
    findings: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def find(self, invariant: str, what: str, who: object, command: str) -> None:
        """Note one inconsistency, and the action of operate that repairs it; once, as long as it is shown."""
        finding = {"invariant": invariant, "what": what, "who": who, "command": command}
        if finding in self.findings:
            return
        self.counts[invariant] += 1
        self.counts[what] += 1
        if self.counts[what] <= SHOWN:
            self.findings.append(finding)

    def answer(self, event_id: str, *, quiet: bool, stable: bool, known: bool) -> dict[str, Any]:
        """Return the audit's answer. `known`: one gate was there all the time, or none; otherwise `ok` is None.

        What is wrong stays wrong, known or not.
        """
        unknown = frozenset() if known else OF_THE_GATE
        laws = {
            law: {
                "ok": _holds(self.counts[law], known=law not in unknown),
                "law": text,
                "figures": self.figures[law],
            }
            for law, text in LAWS.items()
        }
        return {
            "event_id": event_id,
            "ok": _holds(len(self.findings), known=known),
            "quiet": quiet,
            "stable": stable,
            **({} if stable else {"note": MOVED if known else ANOTHER}),
            "invariants": laws,
            "findings": self.findings,
        }


def _holds(found: int, *, known: bool) -> bool | None:
    return False if found else True if known else None
