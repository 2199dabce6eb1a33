"""A MariaDB and its semi-synchronous replica, as Multi-AZ has them: what is not on both was not committed.

One name leads to the primary, which here is a proxy's address. Whoever looks after the servers promotes the replica,
moves the name, and makes another replica.
"""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING, Any

import pymysql.cursors

from dev.process import wait_until
from dev.recipes import DATABASE, HOST
from dev.servers import Server
from tests.conftest import connected
from tests.proxy import Proxy
from tests.topology import recipes

if TYPE_CHECKING:
    from pathlib import Path


class Ledgers:
    """The primary, its replica, and the name."""

    def __init__(self, folder: Path) -> None:
        self._numbers = itertools.count(1)
        self._ids: dict[str, int] = {}
        self.all = [self._server(name, folder) for name in ("mariadb-a", "mariadb-b")]
        self.primary, self.replica = self.all
        self.endpoint = Proxy(lambda: (HOST, self.primary.port))

    @property
    def url(self) -> str:
        """Where clients find the primary, whichever it is."""
        return f"mysql://root@{self.endpoint.address}/{DATABASE}"

    def assemble(self) -> None:
        """Have the replica follow the primary from its first write on, and each commit wait for it."""
        run(
            self.replica,
            "SET GLOBAL gtid_slave_pos = ''",
            f"CHANGE MASTER TO MASTER_HOST = '{HOST}', MASTER_PORT = {self.primary.port}, MASTER_USER = 'root',"
            " MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
            "START SLAVE",
            "SET GLOBAL read_only = 1",
        )
        run(self.primary, "SET GLOBAL rpl_semi_sync_master_enabled = ON")
        wait_until(self.in_step, "the replica has what its primary has, and each commit waits for it")

    def in_step(self) -> bool:
        """Say whether the replica is there and has done all that the primary did."""
        [[_, clients]] = ask(self.primary, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'")
        [[did]], [[done]] = (ask(one, "SELECT @@gtid_current_pos") for one in self.all_in_order)
        return int(clients) == 1 and did == done

    @property
    def all_in_order(self) -> tuple[Server, Server]:
        """The primary, then its replica."""
        return self.primary, self.replica

    def promote(self) -> None:
        """Have the replica of a primary that died do what it has heard of, take writes, and the name lead to it."""
        run(self.replica, "STOP SLAVE IO_THREAD")

        def done() -> bool:
            [about] = said(self.replica, "SHOW SLAVE STATUS")
            assert about["Slave_SQL_Running"] == "Yes", about
            heard = about["Master_Log_File"], about["Read_Master_Log_Pos"]
            return heard == (about["Relay_Master_Log_File"], about["Exec_Master_Log_Pos"])

        wait_until(done, "the replica has done all that it has heard of")
        run(self.replica, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0")
        self.primary, self.replica = self.replica, self.primary
        self.endpoint.cut()

    def mend(self) -> None:
        """Have both up and in step; a primary that died is made anew from its successor."""
        for server in self.all:
            server.resume()
        if not self.primary.running:
            self.primary.start()
        follows = self.replica.running or (self.replica.folder / "data" / "master.info").exists()
        if not follows:
            shutil.rmtree(self.replica.folder / "data")
            self._ids[self.replica.name] = next(self._numbers)
            self.replica.prepare()
            self.replica.start()
            self.assemble()
        elif not self.replica.running:
            self.replica.start()
        wait_until(self.in_step, "the replica has what its primary has")

    def _server(self, name: str, folder: Path) -> Server:
        self._ids[name] = next(self._numbers)
        return Server(recipes.mariadb(name, lambda: self._ids[name]), folder / name)


def run(server: Server, *statements: str) -> None:
    """Run these, past the name."""
    with connected(server.url, autocommit=True) as cursor:
        for statement in statements:
            cursor.execute(statement)


def ask(server: Server, statement: str) -> list[Any]:
    """Return the rows of one statement, past the name."""
    with connected(server.url, autocommit=True) as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def said(server: Server, statement: str) -> list[dict[str, Any]]:
    """Return the rows of one statement, past the name, each with the names of its columns."""
    with connected(server.url, autocommit=True, cursorclass=pymysql.cursors.DictCursor) as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())  # type: ignore[arg-type]
