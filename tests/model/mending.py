"""Restore and reconcile of the model: they read everybody, and then write the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.model.state import REFUSED, Broken, State, World, found, mask_of, up_to

if TYPE_CHECKING:
    from tests.model.stores import Stores


class Mending:
    """What brings a gate back to what the ledger says."""

    def __init__(self, world: World, stores: Stores) -> None:
        self.world = world
        self._stores = stores
        self._members = stores.members

    def read_owed(self, w: State) -> State:
        """Return what restore reads first: records, failed rows (waiting, dead), and an applied_user that survived."""
        survived = w.event and w.sizes is not None and w.sizes.applied == found(w).applied
        if self.world.broken is Broken.SURVIVORS_DROPPED:
            survived = False
        people = (
            p._replace(
                seen_owed=p.log | p.waiting | p.dead, seen_row=p.row, seen_holds=max(p.holds, 0) if survived else 0
            )
            for p in w.people
        )
        return w._replace(people=tuple(people))

    def read_next(self, w: State) -> State | None:
        """Return what restore reads then, one by one where coupons may be revoked meanwhile; None: it has read all."""
        order = ["restore", "rows", "refusals"]
        if self.world.broken is Broken.REFUSALS_FIRST:
            order = ["restore", "refusals", "rows"]
        if not self.world.revocations or w.reading not in order[:2]:
            return None
        reading = order[order.index(w.reading) + 1]
        if reading == "rows":
            people = (p._replace(seen_row=p.row) for p in w.people)
        else:
            people = (p._replace(seen_refused=p.refused) for p in w.people)
        return w._replace(people=tuple(people), reading=reading)

    def restore(self, w: State) -> State:
        """Put the rebuilt gate in the place of the lost one.

        The rows and the refusals are read only now, but where coupons may be revoked between the two.
        """
        read = w.reading in {"rows", "refusals"}
        w, lives = self._stores.compare(w)
        if lives and self.world.broken is not Broken.RESTORE_LIVING:
            return w
        rows_first = self.world.broken is Broken.RESTORE_ROWS_FIRST
        tickets = []
        for person in w.people:
            row = person.seen_row if rows_first or read else person.row
            refused = person.seen_refused if read else person.refused
            row = 0 if refused else row
            owed = person.log | person.waiting | person.dead if rows_first else person.seen_owed
            tickets.append((row or (self._members[owed][0] if owed else 0), bool(row)))
        known = mask_of(ticket for ticket, _ in tickets)
        people = []
        for person, (ticket, has_row) in zip(w.people, tickets, strict=True):
            survivor = person.seen_holds if not ticket and not known >> person.seen_holds & 1 else 0
            refused = person.seen_refused if read else person.refused
            holds = REFUSED if refused else ticket or survivor
            people.append(person._replace(holds=holds, pending=holds > 0 and not has_row))
        count = max(0, *(person.holds for person in people))
        held = mask_of(person.holds for person in people)
        w = w._replace(people=tuple(people), event=True, lost=False, highest=count, released=up_to(count) & ~held)
        knows_turns = self.world.broken is not Broken.RESTORE_WITHOUT_TURNS
        return w._replace(sizes=found(w), knows_turns=knows_turns)

    def reconcile(self, w: State, *, seen: bool) -> State:
        """Repair what no other path repairs, by the rows as they are, or as they were seen."""
        rows = [person.seen_row if seen else person.row for person in w.people]
        people, holders, count = [], 0, w.highest
        for person, row in zip(w.people, rows, strict=True):
            holds, pending = person.holds, person.pending
            if row and holds != row:
                holds, pending, count = row, False, max(count, row)
            elif person.refused:
                holds = REFUSED
            elif holds > 0 and not row:
                pending = pending or not person.dead >> holds & 1  # a dead row: the operator decides
            people.append(person._replace(holds=holds, pending=pending))
            holders |= mask_of([person.seen_holds if self.world.broken is Broken.RECONCILE_BLIND else holds])
        holders |= mask_of(rows)
        for i, person in enumerate(people):  # learn dead rows whose ticket nobody has
            for ticket in self._members[person.dead]:
                if not people[i].holds and not holders >> ticket & 1:
                    people[i] = person._replace(holds=ticket)
                    holders, count = holders | 1 << ticket, max(count, ticket)
        released = (w.released | up_to(count)) & ~holders
        w = w._replace(people=tuple(people), highest=count, released=released)
        return w._replace(sizes=found(w))

    @staticmethod
    def quiet(w: State) -> bool:
        """Say whether nothing is on its way, so that reconcile may compare."""
        nothing = not any(person.pending or person.log or person.waiting for person in w.people)
        return w.event and not w.lost and nothing

    def may_reconcile(self, w: State) -> bool:
        """Say whether the scheduled retry compares gate and ledger now."""
        # Crashes alone never need it: only a failover starts it.
        return self.quiet(w) and w.failovers > 0 and self.world.broken is not Broken.NO_RECONCILE
