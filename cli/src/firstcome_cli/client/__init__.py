"""Apply, ask and redeem from Python.

    with Client("http://127.0.0.1:8080") as client:
        application = client.apply("spring-sale", "alice")

A `Refused` is a definite no, an `Unknown` is neither yes nor no; each call may be repeated.
"""

from firstcome_cli.client.answers import Application, Event, Redemption, Standing
from firstcome_cli.client.http import AsyncClient, Client
from firstcome_cli.client.protocol import Patience
from firstcome_cli.errors import FirstcomeError, NotThere, Refused, Unknown

__all__ = [
    "Application",
    "AsyncClient",
    "Client",
    "Event",
    "FirstcomeError",
    "NotThere",
    "Patience",
    "Redemption",
    "Refused",
    "Standing",
    "Unknown",
]
