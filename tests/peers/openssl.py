#!/usr/bin/env python3
"""What the system's OpenSSL library does in a second of processor time, without its program's start.

    openssl.py SECONDS keys BITS EXPONENT       keys a second
    openssl.py SECONDS private BITS             microseconds of a private operation
    openssl.py SECONDS tdes OCTETS              megabytes a second of triple DES, one key, ECB

Prints one number. Nothing but Python's own library is needed, and libcrypto.
"""
import ctypes
import ctypes.util
import sys
import time

name = ctypes.util.find_library("crypto")
if name is None:
    sys.exit("no libcrypto")
crypto = ctypes.CDLL(name)
for function in ("RSA_new", "BN_new", "EVP_CIPHER_CTX_new", "EVP_des_ede3_ecb"):
    getattr(crypto, function).restype = ctypes.c_void_p
pointer = ctypes.c_void_p


def per_second(seconds, work):
    """How often in a second of this process's processor time."""
    begun, clock, done = time.process_time(), time.monotonic(), 0
    while time.monotonic() - clock < seconds or done == 0:
        work()
        done += 1
    return done / max(time.process_time() - begun, 1e-9)


def new_key(bits, exponent):
    rsa, e = pointer(crypto.RSA_new()), pointer(crypto.BN_new())
    crypto.BN_set_word(e, ctypes.c_ulong(exponent))
    if crypto.RSA_generate_key_ex(rsa, bits, e, None) != 1:
        sys.exit("OpenSSL makes no such key")
    crypto.BN_free(e)
    return rsa


seconds, what = float(sys.argv[1]), sys.argv[2]
if what == "keys":
    bits, exponent = int(sys.argv[3]), int(sys.argv[4])
    print(per_second(seconds, lambda: crypto.RSA_free(new_key(bits, exponent))))
elif what == "private":
    bits = int(sys.argv[3])
    rsa = new_key(bits, 65537)
    text = bytes([0x42]) * (bits // 8)
    out = ctypes.create_string_buffer(bits // 8)
    # 3: no padding.
    work = lambda: crypto.RSA_private_encrypt(len(text), text, out, rsa, 3)
    if work() != len(text):
        sys.exit("OpenSSL does not sign")
    print(1e6 / per_second(seconds, work))
elif what == "tdes":
    octets = int(sys.argv[3])
    context = pointer(crypto.EVP_CIPHER_CTX_new())
    key = bytes(range(1, 25))
    cipher = pointer(crypto.EVP_des_ede3_ecb())
    crypto.EVP_EncryptInit_ex(context, cipher, None, key, None)
    text = bytes(octets)
    out, length = ctypes.create_string_buffer(octets + 8), ctypes.c_int()
    work = lambda: crypto.EVP_EncryptUpdate(context, out, ctypes.byref(length), text, octets)
    print(per_second(seconds, work) * octets / 1e6)
else:
    sys.exit("keys, private or tdes")
