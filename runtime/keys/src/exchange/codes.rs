//! Codes of key exchange: R1384, R1385, R1389.

crate::error::codes! {
    NOT_ALLOWED "R1384" "the key may not be exchanged this way"
        "Policy refuses it: the wrapping key is weaker, suspended, expired or of another use; the key is not exportable, or would leave in a weaker form than it came in or with a wider use; or it has no such form. Nothing was done."
        "choose a form and a wrapping key that fit, such as a key block of version D under an AES key block protection key";
    EXCEPTION "R1385" "no exception allows this"
        "Legacy forms (ECB, CBC, key blocks of versions A and C) need an exception: for this form and partner, with a reason, for a year at most, valid today, signed by two security officers. This one is not there, does not fit or its signatures do not hold."
        "avoid the legacy form; where the partner can't, two officers grant an exception with `cardstation keys exception add`";
    BLOCK "R1389" "the key block can't be accepted"
        "Its header is malformed or unknown, says what does not go together, names an optional block that no table knows, marks a component, or is of a version that is not accepted. Nothing was kept."
        "ask the sender for another block; accept unknown optional blocks with `--accept-unknown-blocks` when you know what they say";
}
