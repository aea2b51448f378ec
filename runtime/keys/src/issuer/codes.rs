//! Codes of issuer certificates: R1386.

crate::error::codes! {
    CERTIFICATE "R1386" "the issuer certificate or its request can't be used"
        "There is no request for this key, or one is there already; the key is not an issuer's RSA key in use; the certificate does not answer the request, is expired, or certifies another key; or the CA's public key is not known here. Nothing was kept."
        "compare request, certificate and CA key with what the scheme published; ask again";
}
