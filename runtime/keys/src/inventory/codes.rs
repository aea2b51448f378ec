//! Codes of the inventory and of distribution: R1350 to R1369.

crate::error::codes! {
    UNKNOWN_KEY "R1350" "the inventory has no such key"
        "A verb named a key, or a version of one, that the site's inventory does not list."
        "look at `cardstation keys list`; a key is named as `issuer.key` or `issuer.key@version`";
    STEP "R1351" "the key's state does not allow this"
        "Keys go from pre-active to active, suspended, retired, destroyed; any may be compromised. The act can't follow the state that the key is in, or the state does not let the key be used so."
        "look at the key with `cardstation keys show`; docs/operator/keys.md has the table of states";
    TWO_PEOPLE "R1352" "two different people are needed"
        "Destroying a key, saying that it is compromised, and taking it back into use need two different people. The second one was missing, was the first again, or came too late."
        "have another person say the same with `--who`, within a day, or name both with `--second`";
    PERIOD "R1353" "the period of use does not fit"
        "A period ends before it begins, lies in the past, or overlaps the one of another version of the same key. One version of a name is in use at any time."
        "choose another `--from` or `--until`, or use `keys replace`, which ends one version where the next begins";
    ROW "R1354" "a row of a key register can't be read"
        "The row was written by another version of cardstation, or was changed by something else."
        "verify the audit chain; restore the store, or use the matching version";
    ENTRY "R1355" "the entry is not what the inventory keeps"
        "A name, an owner, an algorithm or a use of the new key is missing, has the wrong form, or does not go with the others."
        "correct the argument that is named";
    HSM_DIFFERS "R1356" "the HSM's key is not the inventory's"
        "Algorithm, use or check value of the key in the HSM are others than those that the inventory or the sender names. Nothing was entered."
        "compare check values with whoever gave the key; `cardstation keys check` lists every difference";
    PENDING "R1357" "an act on this key has begun and not ended"
        "The inventory announces an act before the HSM carries it out. The power was cut, or the HSM was lost, between the two; the next verb of key management ends the act or takes it back."
        "connect the HSM and run `cardstation keys check`";
    THERE "R1358" "a key of this name and version is there already"
        "A version number is given once, in the inventory and in the HSM, and never again, also after the key was destroyed."
        "name the next version, or leave the version out";
    NEED_MISSING "R1359" "a key that the bundle needs is not in the inventory"
        "A LIVE bundle needs each of its keys in the inventory of the site; one at least is not there. The message lists all that are not ready."
        "have the key imported, sent or generated, and activated; then start the job again";
    NEED_STATE "R1360" "a key that the bundle needs is not in use"
        "The key is in the inventory, but no version of it is active: it waits for its activation, or was suspended, retired, destroyed or compromised. The message lists all that are not ready."
        "activate or resume the key, or put another version in its place; then start the job again";
    NEED_PERIOD "R1361" "a key that the bundle needs is outside its period of use"
        "The active version's period of use has not begun or is over. The message lists all that are not ready."
        "put another version in its place with `cardstation keys replace`; then start the job again";
    NEED_DIFFERS "R1362" "a key that the bundle needs has another use or algorithm"
        "The inventory's key of that name has another use, algorithm or size than the bundle asks for. The message lists all that are not ready."
        "enter the right key under that name, or build the bundle for this one";
    NEED_CHECK_VALUE "R1363" "a key that the bundle needs has another check value"
        "The active version's check value is not the one that the bundle was built with. The message lists all that are not ready."
        "put the version with that check value into use, or build the bundle for this one";
    PACKAGE "R1364" "the file is not a key package or receipt, or was changed"
        "The file's form, a length, a value in it or its signature does not hold. Nothing was taken from it."
        "fetch the file again from the site that made it, by another way";
    ADDRESSEE "R1365" "the package is for another site"
        "The package names another site, or other keys of this site, as its recipient."
        "send the package to the site that it names, or have one made for this site's present identity";
    LATE "R1366" "the package is too old"
        "A package holds until the time that its sender set, and not before it was made. The clock of this site is outside of that."
        "check the clock; have another package made";
    AGAIN "R1367" "the package was opened here before"
        "Each package is opened once. Its number stands in the register of packages that were opened here."
        "look at `cardstation keys package list`; have another package made if keys are missing";
    RECEIPT "R1368" "the receipt does not close a package"
        "The receipt speaks of a package that this site did not make, has closed before, or of other keys, check values or contents than were sent."
        "compare both sites' `cardstation keys package list`; treat the keys as not delivered until they agree";
    SITE "R1369" "the other site is not known or not trusted"
        "A site is trusted when two people have compared the fingerprint of its identity file with one that came by another way. Identity, fingerprint or trust is missing, or this site has no identity of its own."
        "compare fingerprints by telephone, then `cardstation keys site trust`; `keys site make` makes this site's own";
}
