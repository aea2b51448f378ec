"""Reads the symbols of a picture with zxing-cpp, another author's reader: one line a symbol, its
format and its text. Usage: python3 symbols.py PICTURE

Each format is asked for by itself, one symbol at most: version 1.4 stops at an assertion of its own
when it compares several. What is not found on the whole page is looked for in pieces of it."""

import sys

import zxingcpp
from PIL import Image

PIECE, STEP = 600, 200


def pieces(picture):
    yield picture
    width, height = picture.size
    for top in range(0, height, STEP):
        for left in range(0, width, STEP):
            yield picture.crop((left, top, left + PIECE, top + PIECE))


picture = Image.open(sys.argv[1]).convert("L")
for name in ("DataMatrix", "QRCode", "PDF417", "Code128", "ITF"):
    wanted = getattr(zxingcpp.BarcodeFormat, name)
    found = (zxingcpp.read_barcode(piece, formats=wanted) for piece in pieces(picture))
    symbol = next((symbol for symbol in found if symbol is not None), None)
    if symbol is not None:
        print(str(symbol.format).split(".")[-1], symbol.text, sep="\t")
