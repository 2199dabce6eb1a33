"""Gate and ledger of the model: each method is one script of Redis, or the one insert of MySQL."""

from __future__ import annotations

from tests.model.state import REFUSED, Broken, State, World, changed, gate_changed, has_row, up_to


class Stores:
    """The atomic decisions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = [
            tuple(t for t in range(world.tickets + 1) if mask >> t & 1) for mask in range(2 << world.tickets)
        ]

    # --- scripts: each one atomic in Redis ----------------------------------------------------------------------

    def _take(self, w: State) -> tuple[State, int]:
        if w.released:
            ticket = self.members[w.released][0]
            return w._replace(released=w.released & ~(1 << ticket)), ticket
        if w.highest < self.world.tickets:
            return w._replace(highest=w.highest + 1), w.highest + 1
        return w, 0

    def hand_out(self, w: State, i: int) -> tuple[State, int]:
        """The lowest free ticket, else the next number, is theirs; 0 where none is left."""
        w, ticket = self._take(w)
        return (gate_changed(w, i, holds=ticket, pending=True) if ticket else w), ticket

    def apply(self, w: State, i: int) -> tuple[State, int]:
        """The gate's decision; answers the new ticket, 0 for none."""
        return self.hand_out(w, i) if w.alive and not w.people[i].holds else (w, 0)

    def settle(self, w: State, i: int, ticket: int) -> State:
        """The ledger has this row."""
        holds = w.people[i].holds
        if not w.alive:
            if self.world.broken is not Broken.LEARN_UNFENCED:
                return w
            w = w._replace(alive=True)
        if holds == ticket:
            return gate_changed(w, i, pending=False) if w.people[i].pending else w
        if holds == 0:  # a failover forgot them, or their record arrived after a restore
            released = w.released & ~(1 << ticket)
            if self.world.broken is not Broken.LEARN_LEAVES_GAPS:
                released |= up_to(ticket - 1) & ~up_to(w.highest)
            return gate_changed(w, i, holds=ticket)._replace(highest=max(w.highest, ticket), released=released)
        return w

    def own(self, w: State, i: int, ticket: int) -> State:
        """A failed row has this ticket."""
        mine = w.alive and w.people[i].holds == ticket and w.people[i].pending
        return gate_changed(w, i, pending=False) if mine else w

    def release(self, w: State, i: int, ticket: int, instead: int, *, has_row: bool) -> State:
        """The ticket goes back to the pool, and the person holds `instead`."""
        if not w.alive:
            return w
        holds = w.people[i].holds
        if holds == ticket and ticket:
            w = gate_changed(w, i, holds=instead, pending=False)
            return w if has_row else w._replace(released=w.released | 1 << ticket)
        if holds == 0 and instead == REFUSED:
            return gate_changed(w, i, holds=REFUSED, pending=False)
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
