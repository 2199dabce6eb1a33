"""CRC-32C, without a step that waits for the one before.

The checksum is linear: it is the XOR of what each byte adds, which depends on the byte and on how far from the end it
stands. With one table for each place a checksum is one look-up a byte and an XOR, both of which Python runs in C.
Byte by byte, as it is usually computed, each step is a line of Python.
"""

from array import array
from functools import reduce
from operator import getitem, xor

POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected
ALL_ONES = 0xFFFFFFFF


def _shifted(checksum: int) -> int:
    """Return the checksum one zero byte later."""
    for _ in range(8):
        checksum = checksum >> 1 ^ (POLYNOMIAL if checksum & 1 else 0)
    return checksum


# What each value adds at each place, the last byte's first; 1 KB a place, made when a length first needs it.
_tables = [array("I", map(_shifted, range(256)))]
# What the initial value adds after so many bytes.
_starts = [ALL_ONES]


def crc32c(data: bytes) -> int:
    """Return the checksum of the data."""
    length = len(data)
    if length >= len(_starts):
        prepare(length)
    return ALL_ONES ^ reduce(xor, map(getitem, _tables, data[::-1]), _starts[length])


def prepare(length: int) -> None:
    """Make the tables for data of up to this length."""
    last = _tables[0]
    while len(_tables) < length:
        before = _tables[-1]
        bits = [before[1 << bit] for bit in range(8)]
        values = [0]
        for shifted in [last[bit & 0xFF] ^ bit >> 8 for bit in bits]:
            values += [value ^ shifted for value in values]
        _tables.append(array("I", values))
    while len(_starts) <= length:
        start = _starts[-1]
        _starts.append(last[start & 0xFF] ^ start >> 8)
