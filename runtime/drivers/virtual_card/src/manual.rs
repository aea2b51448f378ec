//! What the payment application computes (EMV Books 2 and 3, common core definitions), so that a
//! validator can compute it again.
//!
//! # Application cryptogram
//! Session key: common session key derivation from the ICC master key with the ATC (Book 2,
//! A1.3). Input of the first GENERATE AC:
//! `CDOL1 data exactly as sent | AIP (82) | ATC (9F36) | issuer application data (9F10)`,
//! the latter as returned in the answer. With the minimum CDOL1 `9F02 9F03 9F1A 95 5F2A 9A 9C
//! 9F37` this is the common core's list. Input of the second GENERATE AC: the same with the
//! CDOL2 data, in the order of CDOL2, without the values of `8A` and `91`. The MAC is the retail
//! MAC (common core identifier `A5`) or the left half of a CMAC (`A6`), padding method 2.
//!
//! # Issuer application data
//! Format A: `0F | CCI | key index | CVR (5) | counters (8) | 0F | issuer's data (15)`. The card
//! fills the CVR and the first counter (approvals since the last online transaction); the rest
//! is as personalized.
//!
//! # Issuer authentication
//! ARPC method 2: the left four octets of the MAC under the same session key over
//! `ARQC | card status update (4) | proprietary data (0 to 8)`. It comes in EXTERNAL
//! AUTHENTICATE when the AIP says so, or as tag `91` in the CDOL2 data.
//!
//! # Script commands
//! Session keys from the master keys with the ARQC. Format 1 (CLA `8C`, common core):
//! `[87 L 01 cryptogram] 8E L MAC`, MAC over `chaining value | padded header | padded 87 object`,
//! where the chaining value is the ARQC, then the full MAC of the command before. Format 2 (CLA
//! `84`): `[cryptogram] MAC`, MAC over `CLA INS P1 P2 Lc | ATC | ARQC | cryptogram`. Four to eight
//! octets of the MAC are taken. The new PIN of PIN CHANGE is a format 2 block, padded and CBC
//! enciphered.
