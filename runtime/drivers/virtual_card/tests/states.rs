//! Wrong order, wrong state, wrong coding: the status words of GlobalPlatform, CPS and EMV Book 3.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::CardChannel;
use cardwright_virtual_card::{Interface, PPSE_AID, PSE_AID, Protocol, Quirks, VirtualCard};
use common::host::{Host, grouping, personalize};
use common::profile::{Groups, golden, with, without};
use common::{
    AID, blank, blank_with, h, ok, personalized, personalized_with, select, send, status,
};

const SCP02: Protocol = Protocol::Scp02 { option: 0x15 };
const CDOL1: &str = "0000000010000000000000000840000000000009782611220011223344";

/// Sends commands one after the other and compares each status word.
fn expect(card: &mut VirtualCard, table: &[(&str, u16)]) {
    for (line, (apdu, expected)) in table.iter().enumerate() {
        let found = status(card, apdu);
        assert_eq!(
            format!("{found:04X}"),
            format!("{expected:04X}"),
            "line {line}: {apdu} ({:?})",
            card.last_refusal()
        );
    }
}

#[test]
fn a_blank_card() {
    let aid = h(AID);
    let mut card = blank(SCP02, &[&aid, &PSE_AID]);
    expect(
        &mut card,
        &[
            ("00", 0x6700),
            ("00A40400", 0x9000),
            ("80CA9F7F00", 0x9000),
            ("80CA006600", 0x9000),
            ("80CA00E000", 0x9000),
            ("80CA00CF00", 0x9000),
            ("80CA00C100", 0x9000),
            ("80CA123400", 0x6A88),
            ("80CA9F7F01", 0x6C2D),
            ("00A4040005A000000004", 0x6A82),
            ("00A4000007A0000000031010", 0x6A86),
            ("00A4040107A0000000031010", 0x6A86),
            ("01A4040007A0000000031010", 0x6881),
            ("B0A4040007A0000000031010", 0x6E00),
            ("00F2000000", 0x6D00),
            ("80E2800003010100", 0x6985),
            ("80E620000D000007A0000000031010000000", 0x6982),
            ("8482010010000102030405060708090A0B0C0D0E0F", 0x6985),
            ("8050000007000102030405060700", 0x6700),
            ("8050000108000102030405060700", 0x6A86),
            ("8050020008000102030405060700", 0x6A88),
            ("8050FF0008000102030405060700", 0x6A88),
            ("8050010008000102030405060700", 0x9000),
            ("808201001000010203040506070001020304050607", 0x6E00),
        ],
    );
    expect(
        &mut card,
        &[
            ("00A4040007A000000003101000", 0x9000),
            ("80A8000002830000", 0x6985),
            ("00B2010C00", 0x6985),
            ("80E2800003010100", 0x6982),
            ("84E280000B0101000102030405060708", 0x6982),
            ("00A404000E315041592E5359532E444446303100", 0x9000),
            ("00B2010C00", 0x6985),
        ],
    );
}

#[test]
fn authentication_of_the_host() {
    let aid = h(AID);
    let mut card = blank(SCP02, &[&aid]);
    let wrong_level = {
        let (_, mut apdu) = Host::begin(&mut card, 0x01, true);
        apdu[2] = 0x33;
        apdu
    };
    assert_eq!(send(&mut card, &wrong_level).1, 0x6A86);
    // The handshake is spent by a wrong command.
    assert_eq!(send(&mut card, &wrong_level).1, 0x6985);

    let (_, mut apdu) = Host::begin(&mut card, 0x01, true);
    apdu[20] ^= 1;
    assert_eq!(send(&mut card, &apdu).1, 0x6982, "C-MAC");
    let (_, mut apdu) = Host::begin(&mut card, 0x01, true);
    ok(&mut card, "80CA9F7F00");
    assert_eq!(send(&mut card, &apdu).1, 0x6985, "a command in between");
    apdu.truncate(4);
    assert_eq!(send(&mut card, &apdu).1, 0x6985);

    // Eight more wrong cryptograms, and no channel opens any more, also after a reset.
    for _ in 0..9 {
        let (_, mut apdu) = Host::begin(&mut card, 0x01, true);
        apdu[5] ^= 1;
        assert_eq!(send(&mut card, &apdu).1, 0x6300);
    }
    card.reset().unwrap();
    assert_eq!(status(&mut card, "8050000008000102030405060700"), 0x6983);
}

#[test]
fn a_good_authentication_clears_the_count() {
    let mut card = blank(SCP02, &[&h(AID)]);
    for _ in 0..3 {
        for _ in 0..5 {
            let (_, mut apdu) = Host::begin(&mut card, 0x01, true);
            apdu[5] ^= 1;
            assert_eq!(send(&mut card, &apdu).1, 0x6300);
        }
        Host::open(&mut card, 0x01, true);
    }
}

#[test]
fn commands_inside_a_channel() {
    let aid = h(AID);
    let mut card = blank(SCP02, &[&aid]);
    select(&mut card, &aid);
    let record = grouping(0x0101, &h("70025000"));

    // A command without MAC ends the channel.
    let mut host = Host::open(&mut card, 0x01, true);
    let plain = [&[0x80, 0xE2, 0, 0, record.len() as u8][..], &record].concat();
    assert_eq!(send(&mut card, &plain).1, 0x6982);
    assert_eq!(host.store(&mut card, 0x00, &record), 0x6982);

    // So does a wrong MAC.
    let mut host = Host::open(&mut card, 0x01, true);
    let mut apdu = host.wrap([0x80, 0xE2, 0, 0], &record);
    *apdu.last_mut().unwrap() ^= 1;
    assert_eq!(send(&mut card, &apdu).1, 0x6982);
    assert_eq!(host.store(&mut card, 0x00, &record), 0x6982);

    // And a MAC on a channel without.
    let mut host = Host::open(&mut card, 0x00, true);
    assert_eq!(host.store(&mut card, 0x00, &record), 0x9000);
    let secured = [
        &h("84E20001")[..],
        &[record.len() as u8 + 8],
        &record,
        &[0; 8],
    ]
    .concat();
    assert_eq!(send(&mut card, &secured).1, 0x6982);

    // A replayed command does not fit the chain.
    let mut host = Host::open(&mut card, 0x03, true);
    let apdu = host.wrap([0x80, 0xE2, 0, 0], &record);
    assert_eq!(send(&mut card, &apdu).1, 0x9000);
    assert_eq!(send(&mut card, &apdu).1, 0x6982);

    // Selecting ends the channel; so does a reset.
    let mut host = Host::open(&mut card, 0x01, true);
    select(&mut card, &aid);
    assert_eq!(host.store(&mut card, 0x00, &record), 0x6982);
    let mut host = Host::open(&mut card, 0x01, true);
    card.reset().unwrap();
    select(&mut card, &aid);
    assert_eq!(host.store(&mut card, 0x00, &record), 0x6982);
}

#[test]
fn store_data_that_is_not_as_cps_wants_it() {
    let aid = h(AID);
    let mut card = blank(SCP02, &[&aid]);
    select(&mut card, &aid);
    let mut host = Host::open(&mut card, 0x01, true);
    let mut store = |p1: u8, block: u8, data: &[u8]| {
        host.block = block;
        host.store(&mut card, p1, data)
    };
    let record = grouping(0x0101, &h("70025000"));
    let table: &[(u8, u8, Vec<u8>, u16)] = &[
        (0x00, 1, record.clone(), 0x6A86),
        (0x40, 0, record.clone(), 0x6A86),
        (0x02, 0, record.clone(), 0x6A86),
        (0x10, 0, record.clone(), 0x6A86),
        (0x00, 0, record.clone(), 0x9000),
        (0x00, 0, record.clone(), 0x6A86),
        (0x08, 1, record, 0x9000),
        (0x00, 2, grouping(0x7FF0, &[1]), 0x6A88),
        (0x00, 3, grouping(0x0100, &h("70025000")), 0x6A88),
        (0x00, 4, grouping(0x8101, &[1; 8]), 0x6A88),
        (0x00, 5, grouping(0x7FFF, &[1]), 0x6A88),
        (0x00, 6, grouping(0x0102, &h("5000")), 0x6A80),
        (0x00, 7, grouping(0x8000, &[1; 48]), 0x6A80),
        (0x60, 8, grouping(0x8000, &[1; 47]), 0x6A80),
        (0x60, 9, grouping(0x8000, &[1; 40]), 0x6A80),
        (0x60, 10, grouping(0x8010, &[1; 8]), 0x6A80),
        (0x00, 11, grouping(0x9010, &[4, 3]), 0x6A80),
        (0x00, 12, h("0102FF00"), 0x6A80),
        (0x00, 12, h("01"), 0x6A80),
        (0x00, 12, h("0102FFFFFE"), 0x6A84),
        (0x80, 12, h("010210700250"), 0x6A80),
        (0x00, 13, h("0102047002"), 0x9000),
        (0x60, 14, h("5000"), 0x6A86),
        (0x80, 14, grouping(0x9010, &[3, 3]), 0x6A86),
        (0x80, 15, vec![], 0x6A86),
    ];
    for (line, (p1, block, data, expected)) in table.iter().enumerate() {
        let found = store(*p1, *block, data);
        assert_eq!(
            format!("{found:04X}"),
            format!("{expected:04X}"),
            "line {line}"
        );
    }
}

/// The last STORE DATA looks at the whole: each gap is refused and can be mended.
/// Groupings that do not make an application, and the chip's own words for it.
fn incomplete_applications() -> Vec<(Groups, &'static str)> {
    let record = |number: u16| {
        golden()
            .iter()
            .find(|(n, _)| *n == number)
            .unwrap()
            .1
            .clone()
    };
    let mut swapped = golden();
    let (p, q) = (record(0x8205), record(0x8204));
    swapped = with(swapped, &[(0x8204, p), (0x8205, q)]);
    vec![
        (without(golden(), 0x9102), "DGI 9102 is missing"),
        (without(golden(), 0x9104), "DGI 9104 is missing"),
        (
            without(golden(), 0x0202),
            "the AFL names SFI 2 record 2, which is missing",
        ),
        (without(golden(), 0x8000), "DGI 8000 is missing"),
        (without(golden(), 0x9000), "DGI 9000 is missing"),
        (
            with(golden(), &[(0x9000, h("DEEE3DDEEE3DDEEE3E"))]),
            "the check values in DGI 9000 are not those of the keys in DGI 8000",
        ),
        (without(golden(), 0x8203), "the ICC key is not complete"),
        (
            swapped,
            "the components of the ICC key do not belong together",
        ),
        (without(golden(), 0x9010), "DGIs 8010 and 9010 go together"),
        (
            without(without(golden(), 0x8010), 0x9010),
            "the CVM list has an offline PIN, DGI 8010 or 9010 is missing",
        ),
        (
            with(
                golden(),
                &[(
                    0x0202,
                    h("70178C159F02069F03069F1A0295055F2A029A039C019F3704"),
                )],
            ),
            "no record holds CDOL2 (8D)",
        ),
        (
            with(golden(), &[(0x9102, h("A503870101"))]),
            "the FCI has no application label 50",
        ),
        (
            with(golden(), &[(0x3000, [&h("9F1020")[..], &[0; 32]].concat())]),
            "9F10 is not format A with the common core identifier of the keys' algorithm",
        ),
    ]
}

#[test]
fn an_application_that_is_not_complete() {
    let aid = h(AID);
    for (groups, why) in incomplete_applications() {
        // The last grouping is sent once more at the end, so that its absence can be tested too.
        let mut card = blank(SCP02, &[&aid]);
        select(&mut card, &aid);
        let mut host = Host::open(&mut card, 0x03, true);
        let statuses = personalize(&mut card, &mut host, &groups);
        let (last, before) = statuses.split_last().unwrap();
        assert!(
            before.iter().all(|(_, s)| *s == 0x9000),
            "{why}: {before:04X?}"
        );
        assert_eq!((last.1, card.last_refusal()), (0x6A86, Some(why)));
        assert!(!card.registry()[0].1);
        // What was missing may follow.
        let statuses = personalize(&mut card, &mut host, &golden());
        assert!(statuses.iter().all(|(_, s)| *s == 0x9000), "{why}");
        assert!(card.registry()[0].1);
    }
}

#[test]
fn a_personalized_application_takes_no_more_data() {
    let mut card = personalized(&golden());
    select(&mut card, &h(AID));
    let mut host = Host::open(&mut card, 0x01, true);
    let record = grouping(0x0101, &h("70025000"));
    assert_eq!(host.store(&mut card, 0x00, &record), 0x6985);
    assert_eq!(
        status(&mut card, "80E2000003010100"),
        0x6982,
        "and the channel is gone"
    );
    assert_eq!(status(&mut card, "80E2000003010100"), 0x6985);
}

#[test]
fn a_transaction_out_of_order() {
    let mut card = personalized(&golden());
    let first = format!("80AE80001D{CDOL1}00");
    let second = format!("80AE40001F3030{CDOL1}00");
    expect(&mut card, &[("80A8000002830000", 0x6D00)]);
    expect(
        &mut card,
        &[
            ("00A4040007A000000003101000", 0x9000),
            ("00B2010C00", 0x6985),
            ("0020008008241234FFFFFFFFFF", 0x6985),
            ("0084000000", 0x6985),
            ("008800000411223344", 0x6985),
            (&first, 0x6985),
            ("80CA9F3600", 0x9000),
            ("80CA9F4F00", 0x6A88),
            ("80CA9F3601", 0x6C05),
            ("00CA9F3600", 0x6E00),
            ("80A8000000", 0x6700),
            ("80A8000003830100", 0x6700),
            ("80A8000002840000", 0x6A80),
            ("80A8010002830000", 0x6A86),
            ("80A8000002830000", 0x9000),
            ("80A8000002830000", 0x6985),
            ("00B2010C00", 0x9000),
            ("00B2020C00", 0x6A83),
            ("00B2012400", 0x6A82),
            ("00B2010000", 0x6A86),
            ("00B2000C00", 0x6A86),
            ("00B2010B00", 0x6A86),
            ("00B2010C01FF00", 0x6700),
            ("008800000311223300", 0x6700),
            ("00880000041122334400", 0x9000),
            ("80AE80001C112233", 0x6700),
            ("80AEC0001D00", 0x6700),
            ("8012000000", 0x6D00),
            ("00820000080102030405060708", 0x6985),
        ],
    );
    expect(
        &mut card,
        &[
            (&first.replace("80AE80", "80AEC0"), 0x6A86),
            (&first.replace("80AE80", "80AE81"), 0x6A86),
            (&first.replace("1D", "1C").replace("4400", "00"), 0x6700),
            (&second, 0x6700),
            (&first, 0x9000),
            (&first, 0x6A86),
            ("008800000411223344", 0x6985),
            ("0020008008241234FFFFFFFFFF", 0x6985),
        ],
    );
    expect(
        &mut card,
        &[
            ("008200000701020304050607", 0x6700),
            ("00820000080102030405060708", 0x6300),
            ("00820000080102030405060708", 0x6985),
            ("841E0000080102030405060708", 0x6982),
            ("841E0000080102030405060708", 0x6985),
            (&second, 0x9000),
            (&second, 0x6985),
            (&first, 0x6985),
        ],
    );
}

#[test]
fn the_pin_try_counter() {
    let mut card = personalized(&golden());
    let begin = [
        ("00A4040007A000000003101000", 0x9000),
        ("80A8000002830000", 0x9000),
    ];
    expect(&mut card, &begin);
    expect(
        &mut card,
        &[
            ("0020008108241234FFFFFFFFFF", 0x6A86),
            ("0020008007241234FFFFFFFF", 0x6700),
            ("0020008008041234FFFFFFFFFF", 0x6A80),
            ("0020008008244321FFFFFFFFFF", 0x63C2),
            ("0020008008241234FFFFFFFFFF", 0x9000),
            ("0020008008244321FFFFFFFFFF", 0x63C2),
            ("0020008008244321FFFFFFFFFF", 0x63C1),
            ("0084000008", 0x9000),
        ],
    );
    // Enciphered data without challenge, then of a wrong length, cost no try.
    let data = "11".repeat(120);
    expect(
        &mut card,
        &[
            ("80CA9F3600", 0x9000),
            (&format!("0020008878{data}"), 0x6984),
            ("0084000000", 0x9000),
            (&format!("0020008878{data}"), 0x6984),
            ("0020008808241234FFFFFFFFFF", 0x6700),
        ],
    );
    card.reset().unwrap();
    expect(&mut card, &begin);
    assert_eq!(ok(&mut card, "80CA9F1700"), h("9F170101"));
    expect(
        &mut card,
        &[
            ("0020008008244321FFFFFFFFFF", 0x63C0),
            ("0020008008241234FFFFFFFFFF", 0x6983),
        ],
    );
}

#[test]
fn the_transaction_counter_ends_the_application() {
    let groups = with(golden(), &[(0x3000, h("9F3602FFFE"))]);
    let mut card = personalized(&groups);
    for expected in [0x9000, 0x6985] {
        card.reset().unwrap();
        select(&mut card, &h(AID));
        assert_eq!(status(&mut card, "80A8000002830000"), expected);
    }
    assert_eq!(select(&mut card, &h(AID)).1, 0x6283);
}

#[test]
fn selection_by_part_of_a_name() {
    let (one, two, longer) = (
        h("A0000000031010"),
        h("A0000000032010"),
        h("A000000003101001"),
    );
    let mut card = blank(SCP02, &[&longer, &one, &two]);
    let name = |card: &mut VirtualCard, apdu: &str| {
        let (fci, status) = send(card, &h(apdu));
        let length = usize::from(fci.get(3).copied().unwrap_or(0));
        (fci.get(4..4 + length).unwrap_or_default().to_vec(), status)
    };
    // The exact name comes first, whatever the registry's order.
    assert_eq!(
        name(&mut card, "00A4040007A000000003101000"),
        (one.clone(), 0x9000)
    );
    assert_eq!(
        name(&mut card, "00A4040207A000000003101000"),
        (longer.clone(), 0x9000)
    );
    assert_eq!(name(&mut card, "00A4040207A000000003101000").1, 0x6A82);
    for aid in [&longer, &one, &two] {
        let p2 = if *aid == longer { 0 } else { 2 };
        let apdu = format!("00A404{p2:02X}05A00000000300");
        assert_eq!(name(&mut card, &apdu), (aid.clone(), 0x9000));
    }
}

#[test]
fn directories() {
    let aid = h(AID);
    let mut card = blank(SCP02, &[&aid, &PSE_AID, &PPSE_AID]);
    let entry = h("70 12 61 10 4F07A0000000031010 50054445424954");
    let pse = [
        (0x0101, entry),
        (0x9102, h("A50F 880101 5F2D02656E 9F110101 BF0C00")),
    ];
    select(&mut card, &PSE_AID);
    let mut host = Host::open(&mut card, 0x01, true);
    for (number, status) in personalize(&mut card, &mut host, &pse) {
        assert_eq!(status, 0x9000, "{number:04X} {:?}", card.last_refusal());
    }
    let inner = h("610C4F07A0000000031010870101");
    let template = [&h("A511BF0C0E")[..], &inner].concat();
    select(&mut card, &PPSE_AID);
    let mut host = Host::open(&mut card, 0x01, true);
    assert_eq!(
        host.store(&mut card, 0x60, &grouping(0x8000, &[1; 48])),
        0x6A88
    );
    let statuses = personalize(&mut card, &mut host, &[(0x9102, template)]);
    assert_eq!(statuses, [(0x9102, 0x9000)], "{:?}", card.last_refusal());

    card.reset().unwrap();
    expect(
        &mut card,
        &[
            ("00A404000E315041592E5359532E444446303100", 0x9000),
            ("00B2010C00", 0x9000),
            ("00B2020C00", 0x6A83),
            ("00B2011400", 0x6A82),
            ("80A8000002830000", 0x6D00),
            ("00A404000E325041592E5359532E444446303100", 0x9000),
            ("00B2010C00", 0x6A82),
        ],
    );
}

#[test]
fn the_contactless_side_has_its_own_fci_and_options() {
    let groups = with(
        golden(),
        &[
            (0x9103, h("A512 500A4E4F20434F4E54414354 9F38039F6604")),
            (0x9105, h("82020080940408010100")),
        ],
    );
    let mut card = personalized(&groups);
    card.set_interface(Interface::Contactless);
    card.reset().unwrap();
    let (fci, _) = select(&mut card, &h(AID));
    assert!(hex::encode_upper(fci).contains("4E4F20434F4E54414354"));
    assert_eq!(status(&mut card, "80A8000002830000"), 0x6700);
    let options = ok(&mut card, "80A800000683043200000000");
    assert_eq!(options, h("770A82020080940408010100"));
}

#[test]
fn deviations_of_card_products() {
    let aid = h(AID);
    let quirks = Quirks {
        processing_options_format_1: true,
        generate_ac_format_1: true,
        internal_authenticate_format_1: true,
        no_clear_pin: true,
        t0_status_words: true,
        ..Quirks::default()
    };
    let mut card = personalized_with(&golden(), quirks);
    assert_eq!(status(&mut card, "00A4040007A0000000031010"), 0x611C);
    assert_eq!(ok(&mut card, "00C000001C").len(), 0x1C);
    assert_eq!(status(&mut card, "00C0000000"), 0x6985);
    assert_eq!(status(&mut card, "80A80000028300"), 0x6110);
    assert_eq!(ok(&mut card, "00C0000010")[..4], h("800E7D00"));
    assert_eq!(status(&mut card, "0020008008241234FFFFFFFFFF"), 0x6985);
    assert_eq!(status(&mut card, "00B2010C00"), 0x6C25);
    assert_eq!(ok(&mut card, "00B2010C25").len(), 0x25);
    assert_eq!(status(&mut card, "008800000411223344"), 0x617A);
    assert_eq!(ok(&mut card, "00C000007A")[..2], h("8078"));
    assert_eq!(status(&mut card, &format!("80AE00001D{CDOL1}")), 0x612D);

    // A record with the certificate of a 1984-bit issuer key: 70 81 FC, 9F46 81 F8 and 248 octets.
    let certificate = [&h("7081FC9F4681F8")[..], &[0x5A; 248]].concat();
    for (record_of_255, expected) in [(false, 0x6A80), (true, 0x9000)] {
        let quirks = Quirks {
            record_of_255,
            ..Quirks::default()
        };
        let mut card = blank_with(SCP02, &[&aid], quirks);
        select(&mut card, &aid);
        let mut host = Host::open(&mut card, 0x01, true);
        let groups = [(0x0301, certificate.clone()), (0x9010, vec![3, 3])];
        let statuses = personalize(&mut card, &mut host, &groups);
        assert_eq!(statuses[1].1, expected, "the second half of the record");
    }

    let quirks = Quirks {
        ber_dgi_lengths: true,
        any_block_number: true,
        one_dgi_per_command: true,
        ..Quirks::default()
    };
    let mut card = blank_with(SCP02, &[&aid], quirks);
    select(&mut card, &aid);
    let mut host = Host::open(&mut card, 0x01, true);
    let long = [&h("01018182")[..], &h("70 7F 50 7D"), &[0x41; 125]].concat();
    host.block = 9;
    assert_eq!(
        host.store(&mut card, 0x00, &[&long[..], &[0x41]].concat()),
        0x6A80
    );
    let two = [
        grouping(0x0101, &h("70025000")),
        grouping(0x0102, &h("70025000")),
    ]
    .concat();
    assert_eq!(host.store(&mut card, 0x00, &two), 0x6A80);
}
