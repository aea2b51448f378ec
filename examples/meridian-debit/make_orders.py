"""Writes orders.bin: python3 examples/meridian-debit/make_orders.py examples/meridian-debit/orders.bin

Twenty orders of invented people as a host writes them: EBCDIC code page 500 by Python's own codec,
packed decimal by hand, records of 120 octets. The last account is in arrears.
"""

import sys

NAMES = ["JÜRGEN WEIß", "MARÍA PÉREZ", "INGE SØRBY", "PAUL ÇELIK", "ANNA KOWALSKI"]
CITIES = ["KÖLN", "BREMEN", "MÜNSTER"]


def text(value, width):
    return value.ljust(width).encode("cp500")


def packed(number, octets, signed=False):
    sign = "d" if number < 0 else "c" if signed else "f"
    return bytes.fromhex(f"{abs(number):0{octets * 2 - 1}d}{sign}")


def zoned(number, digits):
    return bytes(0xF0 + int(digit) for digit in f"{number:0{digits}d}")


def pan(number):
    body = f"999992{number:09d}"
    total = 0
    for place, digit in enumerate(map(int, reversed(body))):
        double = digit * 2 if place % 2 == 0 else digit
        total += double - 9 if double > 9 else double
    return int(body + str(-total % 10))


def record(*parts):
    return b"".join(parts).ljust(120, b"\x40")


records = [record(text("HD", 2), packed(317, 4), packed(20260531, 5))]
limits, pans = [], []
for n in range(1, 21):
    limits.append(-2500 if n == 20 else 50000 * n)
    pans.append(pan(7_000 + n))
    records.append(
        record(
            text("DT", 2),
            packed(pans[-1], 10),
            packed(3006, 3),
            packed(n % 3, 2),
            packed(limits[-1], 5, signed=True),
            text(NAMES[n % len(NAMES)], 26),
            text(f"HAFENSTR. {n}", 30),
            text(CITIES[n % len(CITIES)], 30),
            zoned(40 + n % 4, 4),
        )
    )
total = packed(sum(limits), 6, signed=True)
records.append(record(text("TR", 2), packed(20, 4), total, packed(sum(pans) % 10**10, 6)))
open(sys.argv[1], "wb").write(b"".join(records))
