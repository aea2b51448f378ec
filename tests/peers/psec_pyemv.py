"""The symmetric work of one card with psec and pyemv, as `bench::symmetric_data_generation` does it.

Peer of row 5 of the performance table: `pip install psec pyemv`, then

    python3 tests/peers/psec_pyemv.py [SECONDS]

Prints cards a second of processor time on one core, so that other load on the machine counts little.
Work: three ICC master keys of option A with their check values, exported under a key encryption key;
CVV, CVV2, iCVV; PVV; the PIN as block of format 0 and of format 3 under a PIN key.
"""
import sys
import time
import warnings

warnings.simplefilter("ignore")  # two-key triple DES is old, and it is the work

from psec import des, pinblock
from psec.cvv import generate_cvv
from psec.pin import generate_visa_pvv
from pyemv import kd

IMKS = [bytes.fromhex(k) for k in (
    "0123456789ABCDEFFEDCBA9876543210",
    "1032547698BADCFE0123456789ABCDEF",
    "2345678923456789ABCDEF01ABCDEF01",
)]
KEK = bytes.fromhex("C1C2C3C4C5C6C7C8D1D2D3D4D5D6D7D8")
CVK = bytes.fromhex("101112131415161718191A1B1C1D1E1F")
PVK = bytes.fromhex("202122232425262728292A2B2C2D2E2F")
ZPK = bytes.fromhex("303132333435363738393A3B3C3D3E3F")


def card(number):
    pan = f"999992{number:010d}"
    pin = f"{number % 10000:04d}"
    keys = b"".join(kd.derive_icc_mk_a(imk, pan, "01") for imk in IMKS)
    check_values = [des.generate_kcv(keys[i:i + 16], 3) for i in range(0, 48, 16)]
    exported = des.encrypt_tdes_ecb(KEK, keys)
    values = [generate_cvv(CVK, pan, "2912", service) for service in ("201", "000", "999")]
    pvv = generate_visa_pvv(PVK, "1", pin, pan)
    blocks = [
        des.encrypt_tdes_ecb(ZPK, encode(pin, pan))
        for encode in (pinblock.encode_pinblock_iso_0, pinblock.encode_pinblock_iso_3)
    ]
    return exported, check_values, values, pvv, blocks


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    card(0)
    start, done = time.process_time(), 0
    while time.process_time() - start < seconds:
        for _ in range(50):
            card(done)
            done += 1
    print(f"psec + pyemv {done / (time.process_time() - start):.1f} cards/s")


if __name__ == "__main__":
    main()
