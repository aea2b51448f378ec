//! Layouts against messages that the Apache-2.0 project ut-codec-payshield publishes in its tests
//! (commit 12cc431, test/config/test.js): values only, octet for octet, both ways.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use cardwright_host_commands::framing::{self, Answer};
use cardwright_host_commands::layout::{self, Context, LAYOUTS, Layout, Source};
use common::unhex;

const ZPK: &[u8] = b"S00072P0TB00E0001EA421618B34F5FA1A77F7CF6480111B97CF0FAE7BD77D589EC921EF9";
const ZPK_2: &[u8] = b"S00072P0TB00E00010D869FE84C1F77AE64E0019151533363D4CCE7E1C3F89F3D86115EE8";
const ZMK: &[u8] = b"S00072K0TB00E0001DB045F29C053EEFF7B9425B3A88C7258EB7EA7E40E2C47878647072A";
const PVK: &[u8] = b"S00072V2TN00E0001E80A2926443C3AF11BF0317C669FA0EA0E100ABDF92BF7A3AF232D4C";
const IBM: &[u8] = b"S00072V1TN00E00010AE0AD2B1990AB407FAD15059E287760A05DF4DA2391EAB138877E22";
const CVK: &[u8] = b"S00072C0TN00E0001A417975993E2331918759DD1656AC94306BE01C19FDE29E83A93AB42";
const MKAC: &[u8] = b"S00072E0TN00S00012574E37226ADAA76E5B8F2C4F14AD34F1F054EF52CB56BE2F4D03BEA";
const DEK: &[u8] = b"S00072D0TN00E0001BD79343066F46B9C1279E2DE4382E56E6DD5BDCE0F850C7E444799D9";
const TPK_U: &[u8] = b"U3027C895181D912A91D7DF0ED78AC6FB";
const PVK_U: &[u8] = b"U80AE3F8D63B08F9C13652E5416D76E8D";
const COMPONENT_1: &[u8] =
    b"S0007252TBc1E0001C9ED3207A1A79BCA1CAB8C05FEC9429E2232067D1F9E908F15E9DCA7";
const COMPONENT_2: &[u8] =
    b"S0007252TBc2E000125276E9C8BC0FA0F70109274FAB9647EF89A189C019465182A345009";

fn context(pin: usize, lmk: Option<&[u8; 2]>) -> Context {
    Context {
        pin_characters: pin,
        lmk: lmk.copied(),
    }
}

/// The request of those values is that message, and the message gives those values.
#[track_caller]
fn sent(layout: &Layout, header: &str, context: &Context, values: &[&[u8]], message: &[u8]) {
    assert_eq!(layout.source, Source::Messages, "{}", layout.what);
    let frame = framing::request(layout, header.as_bytes(), values, context).unwrap();
    let shown = String::from_utf8_lossy(frame.get(2..).unwrap()).into_owned();
    assert_eq!(frame.get(2..).unwrap(), message, "{shown}");
    let body = message.get(header.len() + 2..).unwrap();
    let read = layout::decode(layout.request, body, context).unwrap();
    let read: Vec<&[u8]> = read.iter().map(|v| v.as_slice()).collect();
    assert_eq!(read, values);
}

fn text(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|v| v.as_bytes().to_vec()).collect()
}

/// The message is an answer with those values.
#[track_caller]
fn answered(layout: &Layout, context: &Context, message: &str, values: &[&str]) {
    let message = message.as_bytes();
    let header = message.get(..4).unwrap();
    match framing::read_answer(layout, header, message, context).unwrap() {
        Answer::Values(read) => {
            let read: Vec<Vec<u8>> = read.iter().map(|v| v.to_vec()).collect();
            assert_eq!(read, text(values));
        }
        Answer::Error(code) => panic!("error {code}"),
    }
}

/// The message is the answer of an error.
#[track_caller]
fn refused(layout: &Layout, message: &str, code: &str) {
    let message = message.as_bytes();
    let header = message.get(..4).unwrap();
    match framing::read_answer(layout, header, message, &context(7, None)).unwrap() {
        Answer::Error(found) => assert_eq!(found, code),
        Answer::Values(_) => panic!("taken"),
    }
}

#[test]
fn echo_and_generated_keys() {
    let (plain, first) = (context(7, None), context(7, Some(b"01")));
    sent(&layout::ECHO, "9999", &plain, &[b"PING"], b"9999B20004PING");
    let values: [&[u8]; 5] = [b"K0", b"T2", b"B", b"00", b"E"];
    sent(
        &layout::GENERATE_KEY,
        "0000",
        &first,
        &values,
        b"0000A00FFFS%01#K0T2B00E00",
    );
    answered(
        &layout::GENERATE_KEY,
        &plain,
        "0099A100S00072K0TB00E0001FB8A4952BFE42179AB8D79A81943DF1FAD67CF015117EE8528E79900D4A3E8",
        &[
            "S00072K0TB00E0001FB8A4952BFE42179AB8D79A81943DF1FAD67CF015117EE8528E79900",
            "D4A3E8",
        ],
    );
    // A key under a variant LMK has its own scheme letter.
    answered(
        &layout::GENERATE_KEY,
        &plain,
        "0375A100U8D6E42E33CCDD7C1ABB2F4C74E3B3DE8A24667",
        &["U8D6E42E33CCDD7C1ABB2F4C74E3B3DE8", "A24667"],
    );
}

#[test]
fn keys_formed_imported_exported_and_checked() {
    let (plain, first) = (context(7, None), context(7, Some(b"01")));
    let components = [COMPONENT_1, COMPONENT_2].concat();
    let message = [b"0006A42FFFS", COMPONENT_1, COMPONENT_2, b"%00#0000"].concat();
    sent(
        &layout::FORM_KEY,
        "0006",
        &context(7, Some(b"00")),
        &[b"2", &components, b"00"],
        &message,
    );
    answered(
        &layout::FORM_KEY,
        &plain,
        "0000A500S0007252TB00E0001D4B4A265C5273F353729F153FC1C2ADA23DF2D94C76A5EF30466CBAB2AE082",
        &[
            "S0007252TB00E0001D4B4A265C5273F353729F153FC1C2ADA23DF2D94C76A5EF30466CBAB",
            "2AE082",
        ],
    );
    let block = b"S00072P0TB00N00FFE1D89671C973C7F0DAF91CB2EBF379493C08975679001172C89A0AF8";
    let message = [b"0002A6FFF", ZMK, block.as_slice(), b"S%01"].concat();
    sent(
        &layout::IMPORT_KEY,
        "0002",
        &first,
        &[ZMK, block, b"S"],
        &message,
    );
    let message = [b"0004A8FFF", ZMK, ZPK, b"S%01&N"].concat();
    sent(
        &layout::EXPORT_KEY,
        "0004",
        &first,
        &[ZMK, ZPK, b"S", b"N"],
        &message,
    );
    let message = [b"0011BUFFF", ZMK, b";FFF;001"].concat();
    sent(&layout::CHECK_VALUE, "0011", &plain, &[ZMK, b"1"], &message);
    answered(
        &layout::CHECK_VALUE,
        &plain,
        "0010BV006AE7CD3DFB6F78F0",
        &["6AE7CD3DFB6F78F0"],
    );
    answered(&layout::CHECK_VALUE, &plain, "0000BV002356F2", &["2356F2"]);
}

#[test]
fn verification_values() {
    let plain = context(7, None);
    let (pan, expiry, service): (&[u8], &[u8], &[u8]) = (b"502265400089000092", b"2010", b"620");
    let message = [b"0011CW", CVK, b"502265400089000092;2010620"].concat();
    sent(
        &layout::GENERATE_CVV,
        "0011",
        &plain,
        &[CVK, pan, expiry, service],
        &message,
    );
    answered(&layout::GENERATE_CVV, &plain, "0000CX00181", &["181"]);
    refused(&layout::GENERATE_CVV, "0002CX10", "10");
    let message = [b"0011CY", CVK, b"181502265400089000092;2010620"].concat();
    let values = [CVK, b"181", pan, expiry, service];
    sent(&layout::VERIFY_CVV, "0011", &plain, &values, &message);
    answered(&layout::VERIFY_CVV, &plain, "0261CZ00", &[]);
    refused(&layout::VERIFY_CVV, "0279CZ01", "01");
}

#[test]
fn pins_in_and_out() {
    let seven = context(7, Some(b"01"));
    let account: &[u8] = b"850103093936";
    let block: &[u8] = b"AD72F973446E84E7";
    let message = [b"0011JE", ZPK, block, b"01", account, b"%01"].concat();
    sent(
        &layout::PIN_IN,
        "0011",
        &seven,
        &[ZPK, block, b"01", account],
        &message,
    );
    answered(&layout::PIN_IN, &seven, "0001JF005049248", &["5049248"]);
    let message = [b"0012JG", ZPK, b"01", account, b"0258743%01"].concat();
    sent(
        &layout::PIN_OUT,
        "0012",
        &seven,
        &[ZPK, b"01", account, b"0258743"],
        &message,
    );
    answered(
        &layout::PIN_OUT,
        &seven,
        "0002JH0087C832F7179E9CCE",
        &["87C832F7179E9CCE"],
    );
}

#[test]
fn pins_across() {
    let (seven, eight) = (context(7, Some(b"01")), context(8, None));
    let (account, block): (&[u8], &[u8]) = (b"850103093936", b"AD72F973446E84E7");
    let message = [
        b"0011CC", ZPK, ZPK_2, b"12", block, b"0101", account, b"%01",
    ]
    .concat();
    let values = [ZPK, ZPK_2, b"12", block, b"01", b"01", account];
    sent(&layout::PIN_ACROSS, "0011", &seven, &values, &message);
    let answer = "0248CD00060E4A2BFA78E244FF01";
    answered(
        &layout::PIN_ACROSS,
        &seven,
        answer,
        &["06", "0E4A2BFA78E244FF", "01"],
    );
    let (tpk, zpk): (&[u8], &[u8]) = (
        b"U6C091AE30ABB19B3EB6C4C3B8D08C071",
        b"UBB224A0D70899E7D216A4DDDA615C078",
    );
    let message = [b"0011CA", tpk, zpk, b"123C7C732E667A9BC60101540028800010"].concat();
    let values = [
        tpk,
        zpk,
        b"12",
        b"3C7C732E667A9BC6",
        b"01",
        b"01",
        b"540028800010",
    ];
    sent(
        &layout::PIN_FROM_TERMINAL,
        "0011",
        &eight,
        &values,
        &message,
    );
    let message = b"0030QK01234123456000000123465432100";
    let values: [&[u8]; 3] = [b"01234", b"123456000000", b"123465432100"];
    sent(
        &layout::PIN_ACCOUNT,
        "0030",
        &context(5, None),
        &values,
        message,
    );
    answered(
        &layout::PIN_ACCOUNT,
        &context(5, None),
        "0030QL0043210",
        &["43210"],
    );
}

#[test]
fn pin_verification_values() {
    let (seven, eight) = (context(7, Some(b"01")), context(8, None));
    let (account, block): (&[u8], &[u8]) = (b"850103093936", b"AD72F973446E84E7");
    let message = [b"0002DG", PVK, b"0258743", account, b"1%01"].concat();
    sent(
        &layout::GENERATE_PVV,
        "0002",
        &seven,
        &[PVK, b"0258743", account, b"1"],
        &message,
    );
    answered(&layout::GENERATE_PVV, &seven, "0016DH008156", &["8156"]);
    let message = [b"0002EC", ZPK, PVK, block, b"01", account, b"17548%01"].concat();
    let values = [ZPK, PVK, block, b"01", account, b"1", b"7548"];
    sent(&layout::VERIFY_PVV, "0002", &seven, &values, &message);
    let message = [
        b"0002DC",
        TPK_U,
        PVK_U,
        b"A69F9E7646904B680154000890000942914",
    ]
    .concat();
    let values = [
        TPK_U,
        PVK_U,
        b"A69F9E7646904B68",
        b"01",
        b"540008900009",
        b"4",
        b"2914",
    ];
    sent(
        &layout::VERIFY_PVV_TERMINAL,
        "0002",
        &eight,
        &values,
        &message,
    );
}

#[test]
fn offsets_and_natural_pins() {
    let (seven, eight) = (context(7, Some(b"01")), context(8, None));
    let account: &[u8] = b"850103093936";
    let (table, data): (&[u8], &[u8]) = (b"709F26B22464E96A", b"50103093936N");
    let message = [b"0011DE", IBM, b"025874306", account, table, data, b"%01"].concat();
    let values = [IBM, b"0258743", b"06", account, table, data];
    sent(&layout::OFFSET, "0011", &seven, &values, &message);
    // 02 is a warning: the key is longer than the method's.
    answered(
        &layout::OFFSET,
        &seven,
        "0159DF02000000FFFFFF",
        &["000000FFFFFF"],
    );
    let message = [
        b"0011EE",
        IBM,
        b"309783FFFFFF06",
        account,
        table,
        data,
        b"%01",
    ]
    .concat();
    let values = [IBM, b"309783FFFFFF", b"06", account, table, data];
    sent(&layout::NATURAL_PIN, "0011", &seven, &values, &message);
    answered(
        &layout::NATURAL_PIN,
        &eight,
        "0051EF0273638636",
        &["73638636"],
    );
}

#[test]
fn cryptograms_and_data() {
    let (plain, first) = (context(7, None), context(7, Some(b"01")));
    let data =
        unhex("0000000000000000000000000288800004800002881712200184F01F9D1402030018000018000000");
    let (card, atc, un) = (unhex("5600000000000001"), unhex("7400"), unhex("C2C6A091"));
    let arqc = unhex("46E98E9B85E9C640");
    let head = [b"0002KQ00", MKAC].concat();
    let message = [
        &head[..],
        &card,
        &atc,
        &un,
        b"28",
        &data,
        b";",
        &arqc,
        b"%01",
    ]
    .concat();
    let values: [&[u8]; 7] = [b"0", MKAC, &card, &atc, &un, &data, &arqc];
    sent(
        &layout::VERIFY_ARQC_STATIC,
        "0002",
        &first,
        &values,
        &message,
    );
    refused(&layout::VERIFY_ARQC_STATIC, "0202KR01diagnost", "01");

    let (card, atc) = (unhex("3239010000012101"), unhex("005B"));
    let data = unhex("0FA501A13102000000000000000000000F010000000000000000000000000000");
    let arqc = unhex("DDA6BCC881C093AD");
    let head = [b"0002KW02", MKAC].concat();
    let message = [&head[..], &card, &atc, b"20", &data, b";", &arqc].concat();
    let values: [&[u8]; 5] = [MKAC, &card, &atc, &data, &arqc];
    sent(&layout::VERIFY_ARQC, "0002", &plain, &values, &message);
    let (status, more) = (unhex("00000000"), unhex("8080040000"));
    let head = [b"0002KW42", MKAC].concat();
    let message = [&head[..], &card, &atc, &arqc, &status, b"5", &more].concat();
    let values: [&[u8]; 6] = [MKAC, &card, &atc, &arqc, &status, &more];
    sent(&layout::ARPC, "0002", &plain, &values, &message);

    let sixteen: &[u8] = b"6DD932DE48520285";
    let message = [b"0002M00011FFF", DEK, b"0010", sixteen].concat();
    sent(&layout::ENCIPHER, "0002", &plain, &[DEK, sixteen], &message);
    answered(
        &layout::ENCIPHER,
        &plain,
        "0006M1000020311D8D13F8C617EF838441C36E33A6DA",
        &["311D8D13F8C617EF838441C36E33A6DA"],
    );
    let message = [b"0002M20011FFF", DEK, b"0010", sixteen, b"%01"].concat();
    sent(&layout::DECIPHER, "0002", &first, &[DEK, sixteen], &message);
    refused(&layout::DECIPHER, "0000M310", "10");
}

#[test]
fn every_row_says_where_it_comes_from_and_has_its_own_answer() {
    assert!(LAYOUTS.len() >= 40);
    for layout in LAYOUTS {
        let [first, second] = layout.answer_code();
        let code = layout.code.as_bytes();
        assert_eq!((first, second), (code[0], code[1] + 1), "{}", layout.what);
        assert!(second.is_ascii_alphanumeric(), "{}", layout.what);
        // A code of ours says that it is ours.
        let ours = layout.code.starts_with('Z');
        assert!(
            !ours || layout.source == Source::Proposed,
            "{}",
            layout.what
        );
    }
    let proposed = LAYOUTS
        .iter()
        .filter(|l| l.source == Source::Proposed)
        .count();
    assert!(proposed < LAYOUTS.len() / 2);
}
