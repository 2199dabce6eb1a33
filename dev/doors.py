"""Where the local cloud listens for people who sign in: the issuer, the APIs that verify its tokens, the pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dev import front
from dev.pages import WEB
from dev.process import ProcessError
from dev.recipes import url_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    from dev.identity import Identity
    from dev.template import Function

ISSUER_URL = "FIRSTCOME_ISSUER_URL"
APPLICANT_URL = "FIRSTCOME_APPLICANT_URL"
OPERATOR_URL = "FIRSTCOME_OPERATOR_URL"
PAGE_URL = "FIRSTCOME_PAGE_URL"
CONSOLE_URL = "FIRSTCOME_CONSOLE_URL"
# The template's APIs with a JWT authorizer, by the variable of `cloud.env` that has their address.
_APIS = {"Api": APPLICANT_URL, "OperatorApi": OPERATOR_URL}


class Site(NamedTuple):
    """A folder of `web/` that is served at an origin of its own."""

    folder: str
    api: str  # the variable of the API that its pages ask


_SITES = {PAGE_URL: Site("event", APPLICANT_URL), CONSOLE_URL: Site("console", OPERATOR_URL)}
_TOLD = {
    APPLICANT_URL: "applicants' API",
    OPERATOR_URL: "operators' API",
    ISSUER_URL: "issuer",
    PAGE_URL: "page",
    CONSOLE_URL: "console",
}


class Program(NamedTuple):
    """A process that listens on one of the sockets: `python -m` and these words."""

    name: str
    words: list[str]
    descriptor: int


class Doors:
    """The addresses and what listens there, for as long as one cloud runs."""

    def __init__(self, preferred: Mapping[str, int]) -> None:
        """Prefer these ports, by the name of the variable that has the address; nothing listens before `open`."""
        self._preferred = preferred
        self._sockets: dict[str, socket.socket] = {}
        self._run = Path()
        self.urls: dict[str, str] = {}

    def open(self, functions: Iterable[Function], run: Path, host: str) -> None:
        """Listen on `host` for the issuer and the APIs of `functions`, and write a new key to the folder `run`."""
        from dev import identity  # noqa: PLC0415  OpenSSL: a fifth of a second, and not every cloud has doors

        self._run = run
        apis = dict.fromkeys(api.name for function in functions for api in function.apis)
        unknown = apis.keys() - _APIS.keys()
        if unknown:
            raise ProcessError(f"no address is known for the template's {', '.join(sorted(unknown))}: dev/doors.py")
        served = [_APIS[api] for api in apis]
        sites = [name for name, site in _SITES.items() if site.api in served and _index(site).is_file()]
        for name in (*served, ISSUER_URL, *sites):
            self._sockets[name] = front.listen(self._preferred.get(name, 0), host)
            self.urls[name] = url_of(*self._sockets[name].getsockname())
        identity.make(run, self.urls[ISSUER_URL])

    def programs(self) -> list[Program]:
        """Return the processes that answer where the front does not: the issuer, and a static front for each site."""
        issuer = self._sockets[ISSUER_URL].fileno()
        found = [Program("issuer", ["dev.issuer", str(self._run), str(issuer)], issuer)]
        for name, site in _SITES.items():
            if name in self._sockets:
                descriptor = self._sockets[name].fileno()
                config = json.dumps(self.config(name))
                words = ["dev.pages", str(_index(site).parent), str(descriptor), config]
                found.append(Program(f"{site.folder}-page", words, descriptor))
        return found

    def config(self, name: str) -> dict[str, str]:
        """Return what /config.json answers at the page or the console, by the name of its variable."""
        site = _SITES[name]
        return {"api": self.urls[site.api], "issuer": self.urls[ISSUER_URL], "client_id": f"firstcome-{site.folder}"}

    @property
    def apis(self) -> dict[str, socket.socket]:
        """The sockets on which the front listens, by the API's name in the template."""
        return {api: self._sockets[name] for api, name in _APIS.items() if name in self._sockets}

    @property
    def identity(self) -> Identity:
        """The issuer's key, to sign tokens without signing in."""
        from dev.identity import Identity  # noqa: PLC0415  as above

        return Identity(self._run)

    def told(self) -> list[tuple[str, str, int]]:
        """Return what listens where, and the port that it should have had (0: any)."""
        return [(_TOLD[name], url, self._preferred.get(name, 0)) for name, url in self.urls.items()]

    def close(self) -> None:
        """Stop listening, and delete the key: it ends with the cloud. Does nothing where nothing is open."""
        if self._sockets:
            from dev import identity  # noqa: PLC0415  as above

            identity.forget(self._run)
        for listener in self._sockets.values():
            listener.close()
        self._sockets, self.urls = {}, {}


def _index(site: Site) -> Path:
    return WEB / site.folder / "index.html"
