#!/usr/bin/env python3
"""Writes an invented package with one applet as a .cap archive and as .ijc.

Headers, directory and applet component are as the Java Card Virtual Machine Specification, 6, has
them; the other components are zeros: no card runs them. `make_wallet_cap.py OUT.cap [OUT.ijc]`
"""
import struct
import sys
import zipfile

PACKAGE = bytes.fromhex("F00000009260")
APPLET = bytes.fromhex("F0000000926001")


def lv(aid):
    return bytes([len(aid)]) + aid


contents = {
    "Header": (1, struct.pack(">IBBBBB", 0xDECAFFED, 2, 2, 4, 0, 1) + lv(PACKAGE) + lv(b"")),
    "Import": (4, bytes([1, 3, 1]) + lv(bytes.fromhex("A0000000620101"))),
    "Applet": (3, bytes([1]) + lv(APPLET) + struct.pack(">H", 8)),
    "Class": (6, bytes(24)),
    "Method": (7, bytes(900)),
    "StaticField": (8, bytes(10)),
    "ConstantPool": (5, bytes(40)),
    "RefLocation": (9, bytes(12)),
    "Descriptor": (11, bytes(60)),
}
sizes = {tag: len(body) for tag, body in contents.values()}
sizes[2] = 31
directory = b"".join(struct.pack(">H", sizes.get(tag, 0)) for tag in range(1, 12))
directory += struct.pack(">HHBBB", 0, 0, 1, 1, 0) + bytes(2)
contents["Directory"] = (2, directory)


def component(name):
    tag, body = contents[name]
    return struct.pack(">BH", tag, len(body)) + body


with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for name in sorted(contents):
        entry = zipfile.ZipInfo(f"org/example/wallet/javacard/{name}.cap", (2026, 1, 1, 0, 0, 0))
        archive.writestr(entry, component(name), zipfile.ZIP_DEFLATED)
    entry = zipfile.ZipInfo("META-INF/MANIFEST.MF", (2026, 1, 1, 0, 0, 0))
    archive.writestr(entry, "Manifest-Version: 1.0\n")

if len(sys.argv) > 2:
    order = ["Header", "Directory", "Import", "Applet", "Class", "Method", "StaticField",
             "ConstantPool", "RefLocation"]
    with open(sys.argv[2], "wb") as out:
        out.write(b"".join(component(name) for name in order))
