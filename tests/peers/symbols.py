"""Reads the symbols of a picture with zxing-cpp, another author's reader: one line a symbol, its
format and its text. Usage: python3 symbols.py PICTURE"""

import sys

import zxingcpp
from PIL import Image

for symbol in zxingcpp.read_barcodes(Image.open(sys.argv[1]).convert("L")):
    print(str(symbol.format).split(".")[-1], symbol.text, sep="\t")
