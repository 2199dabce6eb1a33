"""All guards of the promise."""

from __future__ import annotations

from tests.sabotage import (
    guards_of_client,
    guards_of_codes,
    guards_of_gate,
    guards_of_ledger,
    guards_of_memory,
    guards_of_order,
    guards_of_storms,
    guards_of_told,
    guards_of_turns,
)

GUARDS = [
    *guards_of_ledger.GUARDS,
    *guards_of_gate.GUARDS,
    *guards_of_memory.GUARDS,
    *guards_of_order.GUARDS,
    *guards_of_storms.GUARDS,
    *guards_of_told.GUARDS,
    *guards_of_turns.GUARDS,
    *guards_of_codes.GUARDS,
    *guards_of_client.GUARDS,
]
