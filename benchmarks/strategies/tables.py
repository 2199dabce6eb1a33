"""The tables of the tutorials: a coupon has a number of its own and names a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from firstcome.settings import Settings

TIMEOUT_MS = 20_000  # as the functions that write the ledger have it

ID = "VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL"
TABLES = {
    "tutorial_event": f"event_id {ID} PRIMARY KEY, capacity INT NOT NULL",
    "tutorial_coupon": f"id BIGINT AUTO_INCREMENT PRIMARY KEY, event_id {ID}, user_id {ID}, KEY (event_id)",
    "tutorial_coupon_of_person": (
        f"id BIGINT AUTO_INCREMENT PRIMARY KEY, event_id {ID}, user_id {ID}, UNIQUE KEY (event_id, user_id)"
    ),
    "tutorial_failed_event": f"id BIGINT AUTO_INCREMENT PRIMARY KEY, event_id {ID}, user_id {ID}",
}
INSERT = "INSERT INTO tutorial_coupon (event_id, user_id) VALUES (%s, %s)"


def make(settings: Settings) -> None:
    """Make the tables anew."""
    with mysql_connection(settings, TIMEOUT_MS) as connection, connection.cursor() as cursor:
        for table, columns in TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TABLE {table} ({columns}) ENGINE = InnoDB")
