"""The connection to the ledger: one statement, or one transaction, at a time."""

import random
import time
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import pymysql
from pymysql.constants import CLIENT

from firstcome.ledger.errors import TOO_LARGE, TooLarge, code_of, is_deadlock, is_indefinite, is_lost, unsuitable
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput, Unavailable, Unsuitable
from firstcome.runtime import credentials
from firstcome.settings import Settings

# As text: pymysql's class takes no parameter outside its stubs.
Connection: TypeAlias = "pymysql.Connection[pymysql.cursors.Cursor]"
_T = TypeVar("_T")

# At most, by chance, before a victim tries again: those who met in a deadlock must not meet there again.
DEADLOCK_PAUSE_S = 0.05


class Database:
    """One connection to the ledger, opened by the first call and replaced when it is gone.

    Every method raises `Unavailable` where the server cannot answer, or where it may have committed and could not say
    so: nobody knows then, and the call may simply be repeated. Not for use by two threads at a time.
    """

    def __init__(self, connect: Callable[[], Connection], settings: Settings) -> None:
        self.connect = connect
        self.settings = settings
        self._connection: Connection | None = None
        self._used_at_s = 0.0
        self._within: Connection | None = None  # the transaction that is being worked on

    def read(self, query: Callable[[Connection], _T]) -> _T:
        """Run one statement, outside any transaction or in the one around it, and answer what `query` made of it."""
        if self._within is not None:
            return query(self._within)
        return self._run(query, transaction=False)

    def transact(self, work: Callable[[Connection], _T], *, read_committed: bool = False) -> _T:
        """Run `work` in one transaction, commit, and answer what it answered.

        `work` may run more than once: after a deadlock (`mysql_deadlock_retries` times), and when the connection
        turns out to have died before. Whatever it raises rolls everything back; an error that is the data's own
        fault stays the `pymysql.Error` that it is.

        Called within another's `work`, it is a part of that transaction: both are committed, or neither.
        """
        if self._within is not None:
            return work(self._within)
        return self._run(work, transaction=True, read_committed=read_committed)

    def prime(self, *, ask: bool) -> None:
        """Make ready what connecting needs, and with `ask` the password; raise `Unavailable` where it cannot be read.

        It does not connect: a thousand environments that are made at once would take more connections than MySQL has,
        and most applicants never need one.
        """
        if self.settings.mysql_secret_arn:
            credentials.prime_secrets()
            if ask:
                credentials.credentials(self.settings.mysql_secret_arn)
        elif self.settings.mysql_iam_user_arn:
            credentials.prime_tokens()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()

    def _run(self, work: Callable[[Connection], _T], *, transaction: bool, read_committed: bool = False) -> _T:
        deadlocks = 0
        while True:
            connection, fresh = self._connected()
            try:
                answer = self._attempt(connection, work, transaction=transaction, read_committed=read_committed)
            except pymysql.Error as error:
                if code_of(error) in TOO_LARGE:
                    raise TooLarge("mysql", str(error)) from error
                # Not where the server was silent for too long: to ask again would double the wait.
                if is_lost(error) and not fresh and not isinstance(error.__context__, TimeoutError):
                    continue  # nothing was committed; the next connection is a fresh one, so this happens once
                if is_deadlock(error) and deadlocks < self.settings.mysql_deadlock_retries:
                    deadlocks += 1
                    time.sleep(random.uniform(0, DEADLOCK_PAUSE_S))  # noqa: S311  jitter
                    continue
                if setting := unsuitable(error):
                    raise Unsuitable("mysql", setting) from error
                if is_indefinite(error):
                    raise Unavailable("mysql", str(error)) from error
                raise
            if transaction:
                self._commit(connection)
            self._used_at_s = time.time()
            return answer

    def _attempt(
        self, connection: Connection, work: Callable[[Connection], _T], *, transaction: bool, read_committed: bool
    ) -> _T:
        """Do everything up to the commit, and leave nothing of it behind where it fails."""
        try:
            if read_committed:
                statements.next_read_committed(connection)
            if transaction:
                connection.begin()
                self._within = connection
            return work(connection)
        except pymysql.Error as error:
            self._abandon(connection, error)
            raise
        except (BadInput, Unavailable):
            self._abandon(connection)
            raise
        except BaseException:
            self.close()  # perhaps in the middle of an answer: the rest of it must not meet the next question
            raise
        finally:
            self._within = None

    def _connected(self) -> tuple[Connection, bool]:
        """Return the connection, and whether it was made just now."""
        idle_s = time.time() - self._used_at_s
        if self._connection is not None and self._connection.open and idle_s < self.settings.mysql_idle_s:
            return self._connection, False
        self.close()
        try:
            connection = self.connect()
        except (BadInput, Unavailable):
            raise
        except Exception as error:
            # Besides its own errors pymysql raises RuntimeError, ValueError, IndexError and others, for a password that
            # it cannot send, a name that is none, a greeting that is no server's: whatever it is, nobody was asked.
            raise Unavailable("mysql", f"cannot connect: {type(error).__name__}: {error}") from error
        if connection.client_flag & CLIENT.FOUND_ROWS:
            raise RuntimeError("CLIENT.FOUND_ROWS would count rows that were not inserted: keep it off")
        self._connection = connection
        return connection, True

    def _abandon(self, connection: Connection, error: pymysql.Error | None = None) -> None:
        """Leave the transaction, with the connection if it is of no more use."""
        if error is not None and is_lost(error):
            self.close()
            return
        try:
            connection.rollback()
        except pymysql.Error:
            self.close()

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except pymysql.Error as error:
            self.close()
            raise Unavailable("mysql", f"whether it has committed is not known: {error}") from error
        except BaseException:
            self.close()
            raise
