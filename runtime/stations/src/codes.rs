//! The stations' error codes.

/// Code, title, what it means, how to mend it.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    ("R1209", "no contactless interface", "The card or the reader has no contactless interface.", "Use a dual-interface card, or take the contactless checks out of the scenario."),
    ("R1210", "the card refuses", "The card answered a command with a status word that means no.", "The message names command and status word; the card is rejected and the order may get another one."),
    ("R1211", "an answer that can't be", "The card's answer is too short or too long to be one.", "The card is rejected. If it happens often, look at the reader."),
    ("R1221", "a PIN that is not the page's", "A page asked for a PIN that was printed already or is not its own.", "Print each letter once; another copy needs two people."),
    ("R1250", "no chip in a reader", "A scenario looks at a chip, the card has none.", "Take the check out of the scenario."),
    ("R1251", "no application selected", "A check came before `select` on its interface, or the chip was not read.", "Put `select` and `read records` first."),
    ("R1252", "unknown check", "The bundle holds a check that this runtime does not know.", "Use a cardstation of the bundle's version."),
    ("R1253", "data object twice", "A data object stands in two records of one application (EMV Book 3, 10.2).", "Take one out of the profile."),
    ("R1254", "data object missing", "The card does not give a data object that the check needs.", "Add it to the profile's records."),
    ("R1255", "answer not readable", "The card's answer is not BER-TLV, or not of the form that the command gives.", "The card is rejected; look at the profile."),
    ("R1256", "terminal data too long", "What the terminal would send does not fit a short command.", "Shorten the data object list."),
    ("R1257", "outside not readable", "Stripe or embossing could not be read.", "Look at the station; the card is rejected."),
    ("R1258", "card differs from its source", "What the card shows is not what was made for it.", "The card is rejected; compare with `cardstation dump plan`."),
    ("R1259", "scenario and card disagree", "The scenario speaks of an application, key or PIN that the card does not have.", "Correct the scenario."),
    ("R1223", "not in the directory", "PSE or PPSE does not list the application.", "Add the application to `directories`."),
    ("R1224", "application file locator wrong", "The AFL holds an entry that can't be.", "Look at the profile's records."),
    ("R1225", "dynamic signature wrong", "The signature of INTERNAL AUTHENTICATE or GENERATE AC does not hold.", "The card is rejected; check the ICC key's DGIs."),
    ("R1226", "certificate wrong", "A certificate does not hold, has expired, or is for another card.", "Check CA index, issuer certificate and the signed records."),
    ("R1227", "card decides otherwise", "The card did not give the cryptogram that the scenario expects.", "Look at the action codes and the card's own risk management."),
    ("R1228", "cryptogram wrong", "The issuer's key does not give the same cryptogram.", "Check key derivation option, PSN and cryptogram version."),
    ("R1291", "file can't be written", "An output or report file could not be written or read.", "Check folder, rights and disk space."),
    ("R1292", "file name not plain", "A bundle's file name would leave its folder.", "Give the format a plain `file_name`."),
    ("R1320", "no HSM session", "A worker has no session.", "Report this as a bug."),
];
