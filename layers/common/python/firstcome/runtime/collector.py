"""The first import of every handler, which makes the others quicker.

Nothing that an import makes is garbage, but the collector looks for some again and again: a twentieth of a cold start.
So it rests until init is `over`, and never looks at what init has made: a full collection then takes microseconds, and
no applicant waits ten milliseconds for one.
"""

import gc

gc.disable()


def over() -> None:
    """Let the collector work from now on, on what is made from now on."""
    gc.freeze()
    gc.enable()
