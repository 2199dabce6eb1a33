"""What is looked at before anything is started, so that a wrong environment is one line and no trouble later."""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dev.process import ProcessError
from dev.recipes import HOST
from dev.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LAYER = Path(__file__).resolve().parent.parent / "layers" / "common" / "python"
PREFIX = "FIRSTCOME_"
SERVERS = {PREFIX + name for name in ("REDIS_URL", "KAFKA_BOOTSTRAP", "MYSQL_URL")}
# Of this project's commands, and no settings of the functions; what tells an address may be from `cloud.env`.
_OTHERS = (PREFIX + "TEST_", PREFIX + "BIND", PREFIX + "API_BIND", PREFIX + "SIMULATION_")
_ADDRESSES = ("_URL", "_BOOTSTRAP")


def owned(folder: Path, names: Iterable[str]) -> None:
    """Raise `ProcessError` where `folder`, or what of `names` is in it, is another user's. Root may use it all."""
    me = os.geteuid()
    within = [path for name in names for path in (folder / name, *folder.glob(f"{name}/*"))]
    for path in [folder, *within] if me != 0 else []:
        if path.exists() and (owner := path.stat().st_uid) != me:
            raise ProcessError(
                f"{path} belongs to {_name(owner)}. To have it, once nothing of theirs runs there:\n"
                f"  sudo chown -R {_name(me)} '{folder}'"
            )


def left_over(environ: Mapping[str, str], folder: Path) -> None:
    """Raise `ProcessError` where the environment names a server of the cloud in `folder` as if it were another's.

    Such variables are from its `cloud.env`, and outlive it in the shell that has read it.
    """
    ours = {server.port for server in Servers(folder, {}).ours.values() if server.has_port}
    here = {HOST, "localhost", environ.get(PREFIX + "BIND")}
    for name in SERVERS & environ.keys():
        where = urlsplit(environ[name] if "://" in environ[name] else f"//{environ[name]}")
        if where.hostname in here and where.port in ours:
            found = " ".join(sorted(each for each in environ if _is_address(each)))
            raise ProcessError(
                f"{name} names the local cloud's own server: it is left from cloud.env in this shell\n  unset {found}"
            )


def settings_of(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables that are settings of the functions, and the names of those that are nothing here."""
    sys.path.insert(0, str(LAYER))
    try:
        from firstcome.settings import Settings  # noqa: PLC0415  `down` needs no layer
    finally:
        sys.path.remove(str(LAYER))
    known = {PREFIX + field.name.upper() for field in fields(Settings)} - SERVERS
    found = {name: value for name, value in environ.items() if name in known}
    others = (name for name in environ if name.startswith(PREFIX) and name not in known and not _is_address(name))
    return found, sorted(name for name in others if not name.startswith(_OTHERS))


def _is_address(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(PREFIX + "TEST_") and name.endswith(_ADDRESSES)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
