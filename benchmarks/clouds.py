"""Local clouds over the benchmarks' servers, and events in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bench import wrong_rows
from dev.cloud import Cloud
from dev.process import wait_until

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from firstcome.gate.gate import Gate
    from firstcome.stores import Stores

BARE = Path(__file__).parent / "bare" / "template.yaml"
COUPONS = 10**6  # never given away
FEW = 100
DRAINED_S = 60.0
# A busy machine is no dead broker: no schedule runs here that would issue what was only reserved.
PATIENT = {
    "FIRSTCOME_KAFKA_MAX_BLOCK_MS": "10000",
    "FIRSTCOME_KAFKA_REQUEST_TIMEOUT_MS": "10000",
    "FIRSTCOME_KAFKA_DELIVERY_TIMEOUT_MS": "11000",
}


def cloud(bench: Bench, name: str, *, poller: bool = True, template: Path | None = None) -> Cloud:
    """Return a cloud over the bench's servers, whose schedule does not run."""
    more: dict[str, Any] = {"environment": PATIENT} | ({"template": template} if template else {})
    if bench.quick:
        more["apply_environments"] = 2  # starting one takes most of a second
    return Cloud(bench.folder / f"cloud-{name}", servers=bench.servers, poller=poller, clock=False, **more)


def applications(event_id: str) -> str:
    """Return the path of applying."""
    return f"/events/{event_id}/applications"


def sold_out(bench: Bench, stores: Stores) -> str:
    """Return an event whose tickets are given away."""
    event_id = bench.open_event(stores, FEW, "sold-out")
    for number in range(FEW):
        stores.gate.apply(event_id, f"winner-{number}", "call")
    return event_id


def drained(bench: Bench, stores: Stores, cloud: Cloud, event_id: str) -> list[str]:
    """Have the poller issue what was accepted; return what is wrong with the rows."""
    cloud.poller.start()
    wait_until(stores.reader.caught_up, "the stream is read", timeout_s=DRAINED_S)
    view = stores.gate.show(event_id)
    return wrong_rows(bench, event_id, view.coupon_count if view else -1)


def unchanged(gate: Gate, event_id: str) -> list[str]:
    """Return what is wrong where a sold-out event gave tickets after all."""
    people = gate.redis.hlen(gate.keys(event_id)[1])
    return [] if people == FEW else [f"{event_id}: {people} people have a ticket of {FEW}"]
