//! Codes of people and ceremonies: R1377 to R1383, R1387, R1388.

crate::error::codes! {
    PERSON "R1377" "the name or the secret is wrong"
        "Nobody of that name is registered for key management, or the secret is not theirs. The program does not say which. Five wrong secrets in a row lock the name."
        "check the name with `cardstation keys custodian list`; type the secret again; two security officers unlock a name";
    ROLE "R1378" "the role does not allow this"
        "The person is not registered for the role that is asked for, or has another role in this ceremony already. Nobody holds two roles in one ceremony, and a custodian's number is that of their component."
        "let another person with that role come; security officers register people with `cardstation keys custodian add`";
    STEP "R1379" "the ceremony does not wait for this"
        "A ceremony goes step by step. This step is done already, or another one must be done before it, or the ceremony has ended."
        "see what it waits for with `cardstation keys ceremony show`, and go on with `continue`";
    ATTEMPTS "R1380" "too many wrong attempts"
        "After three wrong attempts at a component, or three combinations that failed, a ceremony is abandoned and its components are removed. After five wrong secrets a person's name is locked."
        "find out why before a new ceremony is begun; two security officers unlock a name";
    TYPED "R1381" "what was typed does not agree"
        "The check value is not that of the component, or the component was typed differently the second time, or has characters that are not hexadecimal digits. Nothing was kept."
        "read the form again, group by group, and type it once more";
    CEREMONY "R1382" "the ceremony can't be"
        "There is no ceremony of that name, its row can't be read, or what is asked for does not fit: the number of components or officers, the key's algorithm, a key that is there already or is missing, a date."
        "list the ceremonies; correct the words of `start`";
    FORM "R1383" "the blind form can't be printed"
        "Forms go to a printer's device, or, at a TEST site only, into a file that nobody else may read. This form's number is spoiled; nothing of it counts."
        "check the printer and go on with `continue`: the component is drawn anew on a form with a new number; destroy what came out of the printer";
    TERMINAL "R1387" "people can't be asked here"
        "A ceremony talks with people at a terminal. There is none, or it ended in the middle, or the answers of a test's file are used up, or such a file is given at a site that is not for TEST. What was committed stays."
        "run it in a terminal and go on with `cardstation keys ceremony continue`";
    RECORD "R1388" "a signature of the record does not hold"
        "The record was changed after it was signed, or the signature is another person's."
        "compare the record's digest with the audit chain; treat the key as unproven until this is explained";
}
