"""Independent second program for the rules of open test keys (see the crate's `test_keys` module).

Prints the values that the module's tests expect. Needs nothing beyond Python 3.
"""
import hashlib
import random


def expand(name, algorithm, octets):
    stream, counter = b"", 0
    while len(stream) < octets:
        stream += hashlib.sha256(
            counter.to_bytes(4, "big") + b"Cardwright open test key v1\0" + name.encode() + b"\0" + algorithm.encode()
        ).digest()
        counter += 1
    return stream[:octets]


def symmetric(name, algorithm):
    octets = {"tdes2": 16, "tdes3": 24, "aes128": 16, "aes192": 24, "aes256": 32}[algorithm]
    key = expand(name, algorithm, octets)
    if algorithm.startswith("tdes"):
        key = bytes(o if bin(o).count("1") % 2 else o ^ 1 for o in key)
    return key.hex().upper()


def is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for _ in range(40):
        x = pow(random.randrange(2, n - 1), d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(name, bits, e, which):
    half = bits // 2
    stream = expand(name, f"rsa {bits} {e} {which}", bits // 8)
    n = int.from_bytes(stream, "big") >> (bits - half)
    n |= 3 << (half - 2) | 1
    while n % e == 1 or not is_prime(n):
        n += 2
    return format(n, "X").zfill((half + 7) // 8 * 2)


for algorithm in ("tdes2", "tdes3", "aes128", "aes256"):
    print(algorithm.upper(), symmetric("aurora.imk_ac", algorithm))
for name, bits, e in (("aurora.issuer_rsa", 1024, 3), ("test", 520, 65537)):
    for which in "pq":
        print(f"{which.upper()}{bits}", prime(name, bits, e, which))
