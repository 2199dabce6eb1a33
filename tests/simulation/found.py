"""Orders of acts that broke the promise once: what was found does not come back."""

from __future__ import annotations

from tests.simulation.acts import Act, Fate

DELIVERED = "delivered"
REFUSE = Act("operate", (0,), "refuse")
RESTORE = Act("operate", how="restore")
RAISE = Act("operate", how="raise_capacity")
REVOKE = Act("operate", (0,), "revoke")
ISSUED = (Act("apply", (0,), DELIVERED), Act("consume", (0,), "committed"))

# What it has found, and what it must not miss, at their shortest.
FOUND = {
    "a coupon is revoked that is redeemed": [*ISSUED, Act("use", (0,), "redeem key-3"), REVOKE],
    "a coupon is revoked while restore reads": [
        *ISSUED,
        Act("lose"),
        Act("operate", how="restore", fate=Fate(5, after=True, meanwhile=(REVOKE,))),
    ],
    "the operator's refusal of a failed row dies before the gate is told": [
        Act("apply", (0,), "damaged"),
        Act("consume", (0,), "committed"),
        Act("operate", (0,), "refuse", Fate(1, after=True)),
    ],
    "consume tells of a failed row that was refused meanwhile, while the gate was rebuilt": [
        Act("apply", (0,), "damaged"),
        Act(
            "consume",
            (0,),
            "committed",
            Fate(
                1,
                after=False,
                meanwhile=(
                    Act("lose"),
                    Act("operate", how="restore", fate=Fate(5, after=True, meanwhile=(REFUSE, Act("redrive")))),
                ),
            ),
        ),
    ],
    "a retry restores by an event as it was before its capacity was raised": [
        Act(
            "retry",
            fate=Fate(
                0,
                after=True,
                meanwhile=(RAISE, *(Act("apply", (person,), DELIVERED) for person in range(3)), Act("lose")),
            ),
        ),
        Act("retry", fate=Fate(4, after=True)),
        Act("retry", fate=Fate(5, after=True)),
        Act("apply", (3,), DELIVERED),
        Act("consume", (3,), "committed"),
        Act("redrive"),
    ],
    "a late record of a higher number than the restored gate has handed out": [
        Act("apply", (0,), "never"),
        Act("apply", (1,), "late"),
        Act("lose"),
        RESTORE,
        Act("arrive"),
        Act("consume", (0,), "committed"),
    ],
    "the marks alone are lost, and then everything": [
        Act("apply", (0,), "never"),
        Act("lose", how="pending"),
        Act("apply", (0,), DELIVERED),
        Act("lose"),
    ],
    "the marks are lost, and begun anew by the next winner": [
        Act("apply", (0,), "never"),
        Act("lose", how="pending"),
        Act("apply", (1,), DELIVERED),
        Act("apply", (0,), DELIVERED),
        Act("lose"),
    ],
    "a ticket is handed out while restore reads a gate that lost its free ones": [
        Act("apply", (0,), DELIVERED),
        Act("operate", (0,), "refuse"),
        Act("lose", how="released"),
        Act("operate", how="restore", fate=Fate(2, after=True, meanwhile=(Act("apply", (1,), DELIVERED),))),
        Act("apply", (2,), DELIVERED),
        Act("apply", (3,), DELIVERED),
    ],
    "who was refused before anybody won is lost with the applicants": [
        Act("operate", (0,), "refuse"),
        Act("lose", how="applied_user"),
        Act("apply", (0,), DELIVERED),
    ],
    "two people are given their numbers again, in the other order, after a failover that forgot them": [
        Act("replicate"),
        Act("apply", (0,), DELIVERED),
        Act("apply", (3,), DELIVERED),
        Act("fail_over"),
        Act("apply", (0,), DELIVERED),
        Act("sweep"),
        Act("apply", (3,), DELIVERED),
    ],
    "a restore that has read in one loss writes in another": [
        Act("lose"),
        Act(
            "operate",
            how="restore",
            fate=Fate(3, after=True, meanwhile=(RESTORE, Act("apply", (0,), DELIVERED), Act("lose"))),
        ),
        Act("apply", (2,), DELIVERED),
        Act("apply", (3,), DELIVERED),
        Act("consume", (1, 2), "committed"),
        Act("consume", (0,), "committed"),
        Act("redrive"),
    ],
}
