"""Makes values.json: what the conformance kit of HSM drivers expects, by other people's programs.

Needs psec 1.3, pyemv 1.5 and cryptography (OpenSSL). The RSA chain is that of ../project, which was
made with Python's own integers. Run it in this folder; it keeps the authority's key and certificate
that are in values.json already.
"""
import datetime
import hashlib
import json
import pathlib
import warnings

warnings.simplefilter("ignore")
from cryptography import x509
from cryptography.hazmat.primitives import cmac, hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from psec import cvv, mac, pin, pinblock
from pyemv import ac, kd
from pyemv import cvv as dynamic

HERE = pathlib.Path(__file__).parent
PAN, LONG_PAN, OTHER_PAN, PSN = "4761739001010119", "9999921234567890127", "4761739001010127", "01"
LONG_PIN = "739154820637"
TRACK = bytes.fromhex("4761739001010119D28122010000000000000F")


def parity(octets):
    return bytes(o if bin(o).count("1") % 2 else o ^ 1 for o in octets)


def key(name, octets=16, des=True):
    value = hashlib.sha256(b"Cardwright conformance kit, " + name.encode()).digest()[:octets]
    return parity(value) if des else value


KEYS = {
    # Named by its use: algorithm, octets. Two of them are the published examples of many documents.
    "imk_ac": ("tdes2", bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")),
    "kmc": ("tdes2", bytes.fromhex("404142434445464748494A4B4C4D4E4F")),
    "kmc_aes": ("aes128", bytes.fromhex("404142434445464748494A4B4C4D4E4F")),
    "imk_smi": ("tdes2", key("imk_smi")),
    "imk_smc": ("tdes2", key("imk_smc")),
    "imk_dn": ("tdes2", key("imk_dn")),
    "imk_card": ("tdes2", key("imk_card")),
    "imk_ac_aes": ("aes128", key("imk_ac_aes", des=False)),
    "imk_smi_aes": ("aes128", key("imk_smi_aes", des=False)),
    "imk_smc_aes": ("aes128", key("imk_smc_aes", des=False)),
    "imk_card_aes": ("aes128", key("imk_card_aes", des=False)),
    "cvk": ("tdes2", key("cvk")),
    "pvk": ("tdes2", key("pvk")),
    "pvk_ibm": ("tdes2", key("pvk_ibm")),
    "zpk": ("tdes2", key("zpk")),
    "zpk3": ("tdes3", key("zpk3", 24)),
    "zpk_aes": ("aes128", key("zpk_aes", des=False)),
    "tk": ("tdes2", key("tk")),
    "tk3": ("tdes3", key("tk3", 24)),
    "tk_aes": ("aes256", key("tk_aes", 32, des=False)),
}
K = {name: octets for name, (_, octets) in KEYS.items()}


def run(cipher, data, encrypt=True):
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()


def des_ecb(k, data):
    k = k + k[:8] if len(k) == 16 else k
    return run(Cipher(algorithms.TripleDES(k), modes.ECB()), data)


def aes_ecb(k, data):
    return run(Cipher(algorithms.AES(k), modes.ECB()), data)


def aes_cbc(k, data):
    return run(Cipher(algorithms.AES(k), modes.CBC(bytes(16))), data)


def aes_mac(k, data):
    worker = cmac.CMAC(algorithms.AES(k))
    worker.update(data)
    return worker.finalize()


def pad_80(data, block):
    data += b"\x80"
    return data + bytes(-len(data) % block)


def pad_if(data, block):
    return data if len(data) % block == 0 else pad_80(data, block)


def option_c(k):
    return aes_ecb(k, bytes.fromhex((PAN + PSN).zfill(32)))


def fixed_fill(k, block):
    """A block under a TDES key; the fill of formats 1 and 3 is given, so that the value stays."""
    return des_ecb(k, bytes.fromhex(block))


def format_3(digits, fill):
    field = bytes.fromhex(f"3{len(digits):X}{digits}{fill}"[:16])
    pan = bytes.fromhex("0000" + PAN[-13:-1])
    return bytes(a ^ b for a, b in zip(field, pan))


IBM = ("0123456789012345", 3, 12, "F")
V = {}
for label, expiry, service in (("track", "2812", "201"), ("printed", "2812", "000"), ("printed_mmyy", "1228", "000"), ("chip", "2812", "999")):
    V[f"cvv.{label}"] = cvv.generate_cvv(K["cvk"], PAN, expiry, service)
# PIN blocks.
V["pin.block0"] = des_ecb(K["zpk"], pinblock.encode_pinblock_iso_0("1234", PAN))
V["pin.block0_3"] = des_ecb(K["zpk3"], pinblock.encode_pinblock_iso_0("1234", PAN))
V["pin.block0_long"] = des_ecb(K["zpk"], pinblock.encode_pinblock_iso_0(LONG_PIN, PAN))
V["pin.block1"] = fixed_fill(K["zpk"], "1412340123456789")
V["pin.block3"] = des_ecb(K["zpk"], format_3("1234", "ABCDEFABCD"))
assert pinblock.decode_pinblock_iso_3(format_3("1234", "ABCDEFABCD"), PAN) == "1234"
inner = aes_ecb(K["zpk_aes"], bytes.fromhex("441234AAAAAAAAAA0102030405060708"))
pan_field = bytes.fromhex("44761739001010119000000000000000")
V["pin.block4"] = aes_ecb(K["zpk_aes"], bytes(a ^ b for a, b in zip(inner, pan_field)))
assert pinblock.decipher_pinblock_iso_4(K["zpk_aes"], V["pin.block4"], PAN) == "1234"
V["pin.long"] = LONG_PIN
V["pin.pvv1"] = pin.generate_visa_pvv(K["pvk"], "1", "1234", PAN)
V["pin.pvv3_long"] = pin.generate_visa_pvv(K["pvk"], "3", LONG_PIN[:4], PAN)
V["pin.offset"] = pin.generate_ibm3624_offset(K["pvk_ibm"], IBM[0], "1234", PAN, *IBM[1:])
for length in (4, 6, 12):
    V[f"pin.natural{length}"] = pin.generate_ibm3624_pin(K["pvk_ibm"], IBM[0], "0" * length, PAN, *IBM[1:])
# The PIN as cards keep it, under the transport keys.
FIELDS = {
    "iso2": "241234FFFFFFFFFF",
    "ascii": "31323334FFFFFFFF",
    "iso0": pinblock.encode_pinblock_iso_0("1234", PAN).hex(),
    "packed": "1234FFFFFFFFFFFF",
    "plain0": "041234FFFFFFFFFF",
}
for name, field in FIELDS.items():
    V[f"field.{name}"] = des_ecb(K["tk"], bytes.fromhex(field))
reference = bytes.fromhex(FIELDS["iso2"])
V["export.tdes3"] = des_ecb(K["tk3"], reference)
V["export.aes"] = aes_cbc(K["tk_aes"], pad_80(reference, 16))
V["pad.always"] = des_ecb(K["tk"], pad_80(reference, 8))
V["pad.pkcs7"] = des_ecb(K["tk"], reference + bytes([8]) * 8)
V["pad.zeros_aes"] = aes_cbc(K["tk_aes"], reference + bytes(8))
V["pad.pkcs7_aes"] = aes_cbc(K["tk_aes"], reference + bytes([8]) * 8)
V["join.tdes"] = des_ecb(K["tk"], pad_80(b"\x80\x10\x08" + reference + b"\x82\x01", 8))
V["track"] = TRACK
V["track.tdes"] = des_ecb(K["tk"], pad_80(TRACK, 8))
V["track.tdes3"] = des_ecb(K["tk3"], pad_80(TRACK, 8))
V["track.aes"] = aes_cbc(K["tk_aes"], pad_80(TRACK, 16))
# Card keys, cryptograms, dynamic codes.
def card_keys(derive, pan):
    keys = [derive(K[name], pan, PSN) for name in ("imk_ac", "imk_smi", "imk_smc")]
    return b"".join(keys), b"".join(des_ecb(k, bytes(8))[:3] for k in keys)


for label, derive, pan in (("a", kd.derive_icc_mk_a, PAN), ("b", kd.derive_icc_mk_b, LONG_PAN)):
    clear, checks = card_keys(derive, pan)
    V[f"keys.{label}"] = des_ecb(K["tk"], clear)
    V[f"keys.{label}.aes"] = aes_cbc(K["tk_aes"], clear)
    V[f"keys.{label}.checks"] = checks
ones = b"\x01" * 16
aes_keys = [option_c(K[name]) for name in ("imk_ac_aes", "imk_smi_aes", "imk_smc_aes")]
V["keys.c"] = aes_cbc(K["tk_aes"], b"".join(aes_keys))
V["keys.c.checks"] = b"".join(aes_ecb(k, ones)[:3] for k in aes_keys)
card = kd.derive_icc_mk_a(K["imk_card"], PAN, PSN)
V["card_key.a"], V["card_key.a.check"] = des_ecb(K["tk"], card), des_ecb(card, bytes(8))[:3]
card = option_c(K["imk_card_aes"])
V["card_key.c"], V["card_key.c.check"] = aes_cbc(K["tk_aes"], card), aes_ecb(card, ones)[:3]
CHALLENGE = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
V["challenge"], V["challenge.answer"] = CHALLENGE, aes_ecb(card, CHALLENGE)
DATA = bytes.fromhex("00000000100000000000000008400000000000084023010100112233445800000103A00000")
ATC = bytes.fromhex("0001")
for label, derive, pan in (("a", kd.derive_icc_mk_a, PAN), ("b", kd.derive_icc_mk_b, LONG_PAN)):
    session = kd.derive_common_sk(derive(K["imk_ac"], pan, PSN), ATC + bytes(6))
    V[f"ac.{label}"] = ac.generate_ac(session, DATA)
    V[f"arpc.{label}"] = ac.generate_arpc_2(session, V[f"ac.{label}"], bytes.fromhex("00820000"))
V["ac.data"] = DATA
session = aes_ecb(aes_keys[0], ATC + bytes(14))
V["ac.c"] = aes_mac(session, DATA)[:8]
V["arpc.c"] = aes_mac(session, V["ac.c"] + bytes.fromhex("00820000"))[:4]
card = kd.derive_icc_mk_a(K["imk_dn"], PAN, PSN)
V["cvc3.vector"] = mac.generate_retail_mac(card[:8], card[8:], TRACK, 2)[-2:]
UN = bytes.fromhex("00000899")
code = int(dynamic.generate_cvc3(card, TRACK, ATC, UN))
V["cvc3.code"] = code.to_bytes(2, "big")
# Check values.
V["check.tdes2"] = des_ecb(K["imk_ac"], bytes(8))[:3]
V["check.tdes3"] = des_ecb(K["zpk3"], bytes(8))[:3]
V["check.aes_gp"] = aes_ecb(K["kmc_aes"], ones)[:3]
V["check.aes_ecb"] = aes_ecb(K["kmc_aes"], bytes(16))[:3]
V["check.aes_cmac"] = aes_mac(K["kmc_aes"], bytes(16))[:5]
assert V["check.tdes2"].hex() == "08d7b4" and V["check.aes_gp"].hex() == "504a77"
# Channels: GlobalPlatformPro's published check values of the diversified test key.
V["kmc.emv.checks"] = bytes.fromhex("C330136F4CA6BB8179")
V["kmc.kdf3.checks"] = bytes.fromhex("E79C05D1BD773FDE8C")
# Certificates.
chain = json.loads((HERE / "../project/vectors_rsa.json").read_text())
V["rsa.sha256"] = hashlib.sha256(bytes.fromhex(chain["issuer"]["n"])).digest()[:8]
V["static"] = bytes.fromhex(chain["signed_records_concat"] + chain["aip"])
for tag in ("tag90", "tag92", "tag93", "tag9F46", "tag9F48", "dac"):
    V[tag] = bytes.fromhex(chain[tag])
V["icc.modulus"] = bytes.fromhex(chain["icc"]["n"])


def parts(p, q, e):
    n, d = p * q, pow(e, -1, (p - 1) * (q - 1))
    whole, half = (n.bit_length() + 7) // 8, (p.bit_length() + 7) // 8
    numbers = {"n": (n, whole), "d": (d, whole), "p": (p, half), "q": (q, half), "dp": (d % (p - 1), half), "dq": (d % (q - 1), half), "qinv": (pow(q, -1, p), half)}
    made = {name: number.to_bytes(octets, "big").hex().upper() for name, (number, octets) in numbers.items()}
    return made | {"e": e}


RSA = {}
for name in ("ca", "issuer", "icc_pin"):
    p, q = (int(chain[name][part], 16) for part in "pq")
    RSA[name] = parts(max(p, q), min(p, q), 3)
    assert RSA[name]["n"] == chain[name]["n"]
target = HERE / "values.json"
kept = json.loads(target.read_text()) if target.exists() else None
if kept:
    RSA |= {name: kept["rsa"][name] for name in ("authority", "content")}
    V |= {name: bytes.fromhex(kept["values"][name]) for name in ("tbs", "tbs.signature", "lds", "lds.signature")}
else:
    authority = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = authority.private_numbers()
    RSA["authority"] = parts(max(numbers.p, numbers.q), min(numbers.p, numbers.q), 65537)
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    holder = ec.generate_private_key(ec.SECP256R1()).public_key()
    builder = x509.CertificateBuilder(issuer_name=name("Kit authority, TEST"), subject_name=name("Kit card, TEST"), public_key=holder, serial_number=7)
    builder = builder.not_valid_before(datetime.datetime(2026, 1, 1)).not_valid_after(datetime.datetime(2031, 12, 31))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    certificate = builder.sign(authority, hashes.SHA256())
    V["tbs"], V["tbs.signature"] = certificate.tbs_certificate_bytes, certificate.signature
    # Signed attributes (RFC 5652, 5.3) of a security object (Doc 9303-10): content type, message digest.
    content = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = content.private_numbers()
    RSA["content"] = parts(max(numbers.p, numbers.q), min(numbers.p, numbers.q), 65537)
    der = lambda tag, *inner: bytes([tag, len(b"".join(inner))]) + b"".join(inner)
    oid = lambda text: der(6, bytes.fromhex(text))
    kind = der(0x30, oid("2A864886F70D010903"), der(0x31, oid("678108010101")))
    digest = der(0x30, oid("2A864886F70D010904"), der(0x31, der(4, hashlib.sha256(b"the table of an access card").digest())))
    V["lds"] = der(0x31, kind, digest)
    V["lds.signature"] = content.sign(V["lds"], padding.PKCS1v15(), hashes.SHA256())
USES = {
    "imk_ac": "emv.application_cryptogram", "imk_ac_aes": "emv.application_cryptogram",
    "imk_smi": "emv.secure_messaging_integrity", "imk_smi_aes": "emv.secure_messaging_integrity",
    "imk_smc": "emv.secure_messaging_confidentiality", "imk_smc_aes": "emv.secure_messaging_confidentiality",
    "imk_dn": "emv.dynamic_numbers", "imk_card": "card_key", "imk_card_aes": "card_key",
    "kmc": "card_issuance", "kmc_aes": "card_issuance", "cvk": "card_verification",
    "pvk": "pin_verification_pvv", "pvk_ibm": "pin_verification_ibm3624",
    "zpk": "pin_encryption", "zpk3": "pin_encryption", "zpk_aes": "pin_encryption",
    "tk": "transport", "tk3": "transport", "tk_aes": "transport",
    "ca": "emv.ca_private", "issuer": "emv.issuer_private", "authority": "certificate_signing", "content": "content_signing",
}
made = {
    "source": "psec 1.3, pyemv 1.5, OpenSSL through cryptography, GlobalPlatformPro's test check values, ../project/vectors_rsa.json; see make.py. TEST keys only",
    "keys": {name: {"algorithm": a, "use": USES[name], "value": o.hex().upper()} for name, (a, o) in KEYS.items()},
    "rsa": {name: p | {"use": USES.get(name, "")} for name, p in RSA.items()},
    "values": {name: v.hex().upper() if isinstance(v, bytes) else v for name, v in sorted(V.items())},
}
target.write_text(json.dumps(made, indent=1) + "\n")
