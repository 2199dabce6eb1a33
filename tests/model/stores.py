"""Gate and ledger of the model: each method is one script of Redis, or the one insert of MySQL."""

from __future__ import annotations

from tests.model.state import (
    REFUSED,
    Broken,
    State,
    World,
    changed,
    found,
    gate_changed,
    has_row,
    pool_changed,
    up_to,
)


class Stores:
    """The atomic decisions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = [
            tuple(t for t in range(world.tickets + 1) if mask >> t & 1) for mask in range(2 << world.tickets)
        ]

    # --- scripts: each one atomic in Redis ----------------------------------------------------------------------

    def compare(self, w: State) -> tuple[State, bool]:
        """Whether the gate lives; the first difference is written down, for all scripts."""
        if not w.event or w.lost:
            return w, False
        if w.sizes is None and self.world.broken is not Broken.OLD_SCRIPTS_UNSEEN:
            w = w._replace(sizes=found(w))  # an older version was at work
        same = w.sizes == found(w)
        if not same and self.world.broken is Broken.NOTHING_COMPARED:
            same = not w.sizes or not w.sizes.applied or found(w).applied > 0
        if same or self.world.broken is Broken.COMPARED_WHERE_READ:
            return w, same
        return w._replace(lost=True), False

    def _counted(self, w: State) -> State:
        """What a script leaves behind that has changed something."""
        return w._replace(sizes=found(w)) if self.world.broken is Broken.SIZES_BY_LENGTH else w

    def _take(self, w: State) -> tuple[State, int]:
        if w.released:
            ticket = self.members[w.released][0]
            return pool_changed(w, w.released & ~(1 << ticket)), ticket
        if w.highest < self.world.tickets:
            return w._replace(highest=w.highest + 1), w.highest + 1
        return w, 0

    def hand_out(self, w: State, i: int) -> tuple[State, int]:
        """The lowest free ticket, else the next number, is theirs; 0 where none is left."""
        w, ticket = self._take(w)
        return (self._counted(gate_changed(w, i, holds=ticket, pending=True, kept=True)) if ticket else w), ticket

    def apply(self, w: State, i: int) -> tuple[State, int]:
        """The gate's decision; answers the new ticket, 0 for none. It compares only what it reads anyway."""
        person = w.people[i]
        if not w.event or w.lost:
            return w, 0
        if w.sizes is None:
            w, _ = self.compare(w)
        if person.holds:
            return self._again(w, i), 0
        if self.world.broken is Broken.NOTHING_COMPARED:
            same = found(w).applied > 0 or not w.highest
        else:
            same = w.sizes is not None and w.sizes.applied == found(w).applied
        if same:
            return self._in_turn(w, i)
        return w._replace(lost=self.world.broken is not Broken.COMPARED_WHERE_READ), 0

    def _in_turn(self, w: State, i: int) -> tuple[State, int]:
        """A ticket, to whoever's turn has come; before it, nothing changes."""
        broken = self.world.broken
        if not w.people[i].early or not w.knows_turns or broken is Broken.TURN_UNHEEDED:
            return self.hand_out(w, i)
        return self._take(w)[0] if broken is Broken.TURN_AFTER_TICKET else w, 0

    def _again(self, w: State, i: int) -> State:
        """Whoever holds a ticket asks again: no mark in a whole `pending` means that they have a row."""
        person = w.people[i]
        if person.holds == REFUSED or person.pending:
            return w
        whole = w.sizes is not None and w.sizes.pending == found(w).pending
        if whole or self.world.broken is Broken.NOTHING_COMPARED:
            return changed(w, i, told=True)
        return w._replace(lost=self.world.broken is not Broken.COMPARED_WHERE_READ)

    def old_apply(self, w: State, i: int) -> tuple[State, int]:
        """The decision of an older version of the script: it neither compares nor counts."""
        if not w.event or w.people[i].holds or (w.highest and not found(w).applied):
            return w, 0
        w, ticket = self._take(w)
        return gate_changed(w, i, holds=ticket, pending=True)._replace(sizes=None) if ticket else w, ticket

    def settle(self, w: State, i: int, ticket: int) -> State:
        """The ledger has this row."""
        w, lives = self.compare(w)
        holds = w.people[i].holds
        if not lives:
            if self.world.broken is not Broken.LEARN_WHILE_LOST:
                return w
            w = w._replace(event=True, lost=False, sizes=found(w))
        if holds == ticket:
            return self._counted(gate_changed(w, i, pending=False)) if w.people[i].pending else w
        if holds == 0:  # a failover forgot them, or their record arrived after a restore
            released = w.released & ~(1 << ticket)
            if self.world.broken is not Broken.LEARN_LEAVES_GAPS:
                released |= up_to(ticket - 1) & ~up_to(w.highest)
            w = pool_changed(gate_changed(w, i, holds=ticket), released, highest=max(w.highest, ticket))
            return self._counted(w)
        return w

    def mark_failed(self, w: State, i: int, ticket: int) -> State:
        """A failed row has this ticket."""
        w, lives = self.compare(w)
        mine = lives and w.people[i].holds == ticket and w.people[i].pending
        return self._counted(gate_changed(w, i, pending=False)) if mine else w

    def release(self, w: State, i: int, ticket: int, instead: int, *, has_row: bool) -> State:
        """The ticket goes back to the pool, and the person holds `instead`."""
        w, lives = self.compare(w)
        if not lives:
            return w
        holds = w.people[i].holds
        if holds == ticket and ticket:
            w = gate_changed(w, i, holds=instead, pending=False, kept=False)
            return self._counted(w if has_row else pool_changed(w, w.released | 1 << ticket))
        if holds == 0 and instead == REFUSED:
            return self._counted(gate_changed(w, i, holds=REFUSED, pending=False))
        return w

    # --- the one insert: atomic in MySQL ------------------------------------------------------------------------

    @staticmethod
    def insert(w: State, i: int, ticket: int) -> tuple[State, str]:
        """Write the row, or say why not."""
        person = w.people[i]
        if person.refused:
            return w, "refused"
        if person.row:
            return w, "same" if person.row == ticket else "other"
        if has_row(w, ticket):
            return w, "taken"
        return changed(w, i, row=ticket), "new"
