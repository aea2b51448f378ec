"""Makes orders.bin as a host would: code page 037, packed decimal, blocks of 80 octets.

python3 make.py   (Python 3.11; its codecs and this file's `packed` are no part of Cardwright)
"""


def text(value, width):
    return value.ljust(width).encode("cp037")


def packed(value, octets):
    digits = str(abs(value)).rjust(octets * 2 - 1, "0")
    return bytes.fromhex(digits + ("D" if value < 0 else "C"))


def block(*parts):
    return b"".join(parts).ljust(80, b"\x40")


CARDS = [
    ("9999920000000029", "ADA LOVELACE", 2912, 1500, ["1 Code Street", "London"]),
    ("9999920000000037", "CHARLES BABBAGE", 3006, -250, ["Zürich"]),
]

out = block(text("HD", 2), packed(7, 4), packed(20260531, 5))
out += block(text("BH", 2), text("0042", 4))
for pan, name, expiry, limit, lines in CARDS:
    out += block(
        text("DT", 2), packed(int(pan), 10), packed(expiry, 3), packed(limit, 4), text(name, 26)
    )
    for line in lines:
        out += block(text("AD", 2), text(line, 30))
out += block(text("BT", 2), packed(len(CARDS), 3))
total = sum(limit for _, _, _, limit, _ in CARDS)
hashed = sum(int(pan) for pan, *_ in CARDS) % 10**10
out += block(text("TR", 2), packed(len(CARDS), 3), packed(total, 6), packed(hashed, 6))
open("orders.bin", "wb").write(out)
