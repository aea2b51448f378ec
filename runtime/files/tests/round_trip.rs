//! What a format writes, the same format reads back; and files that other programs have written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{
    Coding, Encoding, Field, FieldType, FileKind, Format, Framing, Line, PartOf, Prefix, Record,
    RecordTest, Secrecy, Tagging,
};
use cardwright_files::{Cells, FileError, Found, Writer, read};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn field(name: &str, field_type: FieldType, at: u32, width: u32) -> Field {
    Field {
        name: name.to_owned(),
        field_type,
        at,
        width,
        repeat: 1,
        optional: true,
        secrecy: Secrecy::Public,
        value: None,
        coding: Coding::Text,
        signed: false,
        place: None,
        sequence: None,
        span: 0,
    }
}

fn coded(mut field: Field, coding: Coding, signed: bool) -> Field {
    field.coding = coding;
    field.signed = signed;
    field
}

fn placed(mut field: Field, place: &str) -> Field {
    field.place = Some(place.to_owned());
    field
}

fn record(name: &str, fields: Vec<Field>) -> Record {
    Record {
        name: name.to_owned(),
        when: None,
        once: false,
        fields,
        program: None,
        part_of: None,
        role: None,
        path: String::new(),
    }
}

fn format(kind: FileKind, encoding: Encoding, records: Vec<Record>) -> Format {
    Format {
        name: "orders".to_owned(),
        kind,
        encoding,
        line: Line::Lf,
        records,
        rules: Vec::new(),
        file_name: None,
        framing: Framing::Lines,
        joins: Vec::new(),
        arrangement: None,
        span: 0,
    }
}

type Row = (usize, Vec<Vec<String>>);

fn write(format: &Format, rows: &[Row]) -> Vec<u8> {
    let mut writer = Writer::new(format);
    let mut octets = writer.begin().expect("a beginning");
    for (record, texts) in rows {
        let cells = Cells::new(texts.clone());
        octets.extend(writer.record(*record, &cells).expect("a record"));
    }
    octets.extend(writer.end().expect("an end"));
    octets
}

fn read_all(format: &Format, octets: &[u8]) -> Result<Vec<Row>, FileError> {
    let mut rows = Vec::new();
    read(format, &mut &octets[..], &mut |found: Found| {
        let cells = found.cells.unwrap_or_else(|e| panic!("{e:?}"));
        rows.push((found.record.expect("a record"), cells.all().to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// Rows as a reader gives them: fixed fields keep their fill.
fn trimmed(rows: Vec<Row>) -> Vec<Row> {
    let trim = |text: String| text.trim_matches(' ').to_owned();
    let texts = |texts: Vec<Vec<String>>| {
        let texts = texts.into_iter();
        texts.map(|t| t.into_iter().map(trim).collect()).collect()
    };
    rows.into_iter().map(|(n, t)| (n, texts(t))).collect()
}

fn holds(format: &Format, rows: &[Row]) {
    let octets = write(format, rows);
    let found = read_all(format, &octets).expect("a file that can be read");
    assert_eq!(
        trimmed(found),
        rows,
        "{:?} {:?}",
        format.kind,
        format.encoding
    );
}

fn one(texts: &[&str]) -> Vec<Vec<String>> {
    texts.iter().map(|t| vec![(*t).to_owned()]).collect()
}

fn text_fields() -> Vec<Field> {
    vec![
        field("name", FieldType::Text, 3, 20),
        field("amount", FieldType::Number { digits: 9 }, 23, 9),
        field("branch", FieldType::Digits { digits: 4 }, 32, 4),
    ]
}

const ENCODINGS: &[(Encoding, &str)] = &[
    (Encoding::Ascii, "Ada-LO'9 ,;\"="),
    (Encoding::Ebcdic037, "Zoë [Ä] 9"),
    (Encoding::Ebcdic500, "Zoë [Ä] 9"),
    (Encoding::Ebcdic1047, "Zoë [Ä] 9"),
    (Encoding::Ebcdic1140, "Zoë €Ä 9"),
    (Encoding::Latin1, "Zoë Åß;\"<&>"),
    (Encoding::Latin2, "Łódź Žš;\"<&>"),
    (Encoding::Latin5, "Şığ İö"),
    (Encoding::Latin9, "Zoë €Œ"),
    (Encoding::Latin10, "Șțăâ"),
    (Encoding::Utf16, "Zoë 王芳 𝄞"),
    (Encoding::Utf16be, "Ωλ 王"),
    (Encoding::Utf16le, "Ωλ Ċ 王"),
    (Encoding::Utf8, "Zoë 王芳 =+'"),
];

fn name(encoding: Encoding) -> impl Strategy<Value = String> {
    let alphabet = ENCODINGS.iter().find(|(e, _)| *e == encoding);
    let alphabet: Vec<char> = alphabet.expect("a row").1.chars().collect();
    let letters = prop::collection::vec(prop::sample::select(alphabet), 0..18);
    letters.prop_map(|letters| letters.into_iter().collect::<String>().trim().to_owned())
}

fn rows(encoding: Encoding) -> impl Strategy<Value = Vec<Row>> {
    let row = (name(encoding), 0u32..1_000_000, 0u32..10_000).prop_map(|(name, amount, branch)| {
        // A row of blanks only would be an empty line, which is no record.
        let texts = one(&[&name, &format!("{amount:09}"), &format!("{branch:04}")]);
        (0, texts)
    });
    prop::collection::vec(row, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn text_of_every_kind_and_encoding(
        (encoding, rows) in prop::sample::select(ENCODINGS.to_vec())
            .prop_flat_map(|(encoding, _)| (Just(encoding), rows(encoding)))
    ) {
        let mut fixed = record("order", text_fields());
        fixed.when = Some(RecordTest { at: 1, width: 2, equals: "DT".into(), place: None });
        let mut fixed = format(FileKind::FixedWidth, encoding, vec![fixed]);
        for line in [Line::Lf, Line::Crlf, Line::Nel] {
            if line == Line::Nel && encoding == Encoding::Ascii {
                continue;
            }
            fixed.line = line;
            holds(&fixed, &rows);
        }
        let mut fields = text_fields();
        for (at, field) in (1..).zip(&mut fields) {
            field.at = at;
        }
        for heading in [false, true] {
            let kind = FileKind::Delimited { delimiter: ';', quote: '"', heading };
            holds(&format(kind, encoding, vec![record("order", fields.clone())]), &rows);
        }
        let named: Vec<Field> = fields.iter().map(|f| placed(f.clone(), &f.name)).collect();
        for (kind, path) in [(FileKind::Xml, "batch/orders/order"), (FileKind::Json, "orders")] {
            let mut order = record("order", named.clone());
            order.path = path.into();
            let rows: Vec<Row> = rows.iter().filter(|_| !rows.is_empty()).cloned().collect();
            if kind == FileKind::Xml && rows.is_empty() {
                continue;
            }
            holds(&format(kind, encoding, vec![order]), &rows);
        }
        if encoding.is_single() || encoding == Encoding::Utf8 {
            let kind = FileKind::Tagged(Tagging::Length { tag: 0, length: 2 });
            holds(&format(kind, encoding, vec![record("order", fields.clone())]), &rows);
            let tagged: Vec<Field> = ["01", "02", "99"].iter().zip(&fields)
                .map(|(tag, f)| placed(f.clone(), tag)).collect();
            let kind = FileKind::Tagged(Tagging::Length { tag: 2, length: 3 });
            let mut format = format(kind, encoding, vec![record("order", tagged)]);
            format.framing = Framing::Prefixed { prefix: Prefix::Decimal(4), counts_itself: true };
            holds(&format, &rows);
        }
    }

    #[test]
    fn coded_fields_in_blocks_and_prefixed_records(
        values in prop::collection::vec(
            (any::<u32>(), -999_999_999i64..999_999_999, 0u32..10_000, any::<[u8; 4]>()),
            0..5,
        ),
        ebcdic in any::<bool>(),
    ) {
        let number = |digits| FieldType::Number { digits };
        let fields = vec![
            coded(field("packed", number(9), 1, 5), Coding::Packed, true),
            coded(field("zoned", number(9), 6, 9), Coding::Zoned, true),
            coded(field("big", number(10), 15, 8), Coding::Binary, true),
            coded(field("little", number(10), 23, 4), Coding::Little, false),
            coded(field("bcd", FieldType::Digits { digits: 4 }, 27, 2), Coding::Bcd, false),
            coded(field("pan", FieldType::Pan, 29, 10), Coding::Bcd, false),
            coded(field("expiry", FieldType::Date { pattern: "YYMM".into() }, 39, 3), Coding::Packed, false),
            coded(field("raw", FieldType::Hex { length: 4 }, 42, 4), Coding::Octets, false),
            field("text", FieldType::Text, 46, 4),
        ];
        let rows: Vec<Row> = values.iter().map(|(big, signed, digits, raw)| {
            let raw: String = raw.iter().map(|b| format!("{b:02X}")).collect();
            let texts = [
                signed.to_string(), (-signed).to_string(), (signed * 1000).to_string(),
                big.to_string(), format!("{digits:04}"), "9999920000000029".into(),
                "2912".into(), raw, "Ada".into(),
            ];
            (0, texts.into_iter().map(|t| vec![t]).collect())
        }).collect();
        let encoding = if ebcdic { Encoding::Ebcdic1047 } else { Encoding::Latin1 };
        let mut format = format(FileKind::FixedWidth, encoding, vec![record("order", fields)]);
        for framing in [
            Framing::Blocks { octets: 60 },
            Framing::Prefixed { prefix: Prefix::Rdw, counts_itself: false },
            Framing::Prefixed { prefix: Prefix::Big(2), counts_itself: false },
            Framing::Prefixed { prefix: Prefix::Little(4), counts_itself: true },
            Framing::Prefixed { prefix: Prefix::Decimal(5), counts_itself: false },
        ] {
            format.framing = framing;
            holds(&format, &rows);
        }
    }

    #[test]
    fn any_octets_are_read_or_refused_and_never_panic(
        octets in prop::collection::vec(any::<u8>(), 0..300),
        kind in 0usize..7,
    ) {
        let mut fields = text_fields();
        fields.push(coded(field("packed", FieldType::Number { digits: 9 }, 36, 5), Coding::Packed, true));
        let mut order = record("order", fields);
        order.path = "order".into();
        let (kind, framing) = [
            (FileKind::FixedWidth, Framing::Blocks { octets: 40 }),
            (FileKind::FixedWidth, Framing::Prefixed { prefix: Prefix::Rdw, counts_itself: false }),
            (FileKind::Tagged(Tagging::Length { tag: 2, length: 3 }), Framing::Lines),
            (FileKind::Tlv, Framing::Lines),
            (FileKind::Xml, Framing::Lines),
            (FileKind::Json, Framing::Lines),
            (FileKind::Spreadsheet { sheet: None, heading: true }, Framing::Lines),
        ][kind].clone();
        let mut format = format(kind, Encoding::Latin1, vec![order]);
        format.framing = framing;
        let _ = read(&format, &mut &octets[..], &mut |_| ControlFlow::Continue(()));
    }
}

fn nested(kind: FileKind, tlv: bool) -> Format {
    let path = |json: &str, tag: &str| if tlv { tag.to_owned() } else { json.to_owned() };
    let text = |name: &str, tag: &str| {
        let place = path(name, tag);
        placed(field(name, FieldType::Text, 1, 0), &place)
    };
    let mut header = record("header", vec![text("batch", "C1")]);
    header.once = true;
    header.path = path("file/header", "E0");
    let mut order = record(
        "order",
        vec![text("pan", "5A"), text("address/town", "F0/C3")],
    );
    order.path = path("file/order", "E1");
    let mut line = record("line", vec![text("item", "C4")]);
    line.path = path("file/order/lines/line", "E1/E3");
    line.part_of = Some(PartOf {
        record: "order".into(),
        most: 9,
        least: 0,
    });
    let mut trailer = record("trailer", vec![text("count", "C2")]);
    trailer.once = true;
    trailer.path = path("file/trailer", "E2");
    format(kind, Encoding::Utf8, vec![header, order, line, trailer])
}

#[test]
fn nested_files_hold_header_orders_parts_and_trailer() {
    let rows = vec![
        (0, one(&["7"])),
        (1, one(&["9999920000000029", "Zürich & Ōsaka"])),
        (2, one(&["<first>"])),
        (2, one(&["\"second\""])),
        (1, one(&["9999920000000037", ""])),
        (3, one(&["2"])),
    ];
    for (kind, tlv) in [
        (FileKind::Xml, false),
        (FileKind::Json, false),
        (FileKind::Tlv, true),
    ] {
        holds(&nested(kind, tlv), &rows);
    }
}

#[test]
fn a_container_gives_header_and_trailer_around_its_orders() {
    let text = |name: &str| placed(field(name, FieldType::Text, 1, 0), name);
    let mut header = record("header", vec![text("batch")]);
    header.once = true;
    let mut order = record("order", vec![text("pan")]);
    order.path = "orders".into();
    let mut trailer = record("trailer", vec![text("count")]);
    trailer.once = true;
    let json = format(FileKind::Json, Encoding::Utf8, vec![header, order, trailer]);
    let rows = vec![
        (0, one(&["7"])),
        (1, one(&["1"])),
        (1, one(&["2"])),
        (2, one(&["2"])),
    ];
    holds(&json, &rows);
    let hand = br#"{"batch": 7, "orders": [{"pan": "1"}, {"pan": 2}], "count": 2}"#;
    assert_eq!(read_all(&json, hand).expect("a file"), rows);

    let mut xml = json;
    xml.kind = FileKind::Xml;
    for (record, path) in xml.records.iter_mut().zip(["f", "f/o", "f"]) {
        record.path = path.into();
    }
    xml.records[0].fields[0].place = Some("@batch".into());
    holds(&xml, &rows);
    let hand =
        b"<f batch='7'><!-- two --><o><pan>1</pan></o><o><pan>&#50;</pan></o><count>2</count></f>";
    assert_eq!(read_all(&xml, hand).expect("a file"), rows);
}

/// Octets that other programs have made; each says how.
#[test]
fn files_of_other_programs_are_read() {
    // Python 3.11: struct.pack(">hIq", -2, 4000000000, 5).hex(), and
    // "DT".encode("cp037") + bytes.fromhex("0012345C") + "ADA".encode("cp037")
    let number = |digits| FieldType::Number { digits };
    let fields = vec![
        coded(field("a", number(4), 1, 2), Coding::Binary, true),
        coded(field("b", number(10), 3, 4), Coding::Binary, false),
        coded(field("c", number(10), 7, 8), Coding::Binary, true),
    ];
    let mut file = format(
        FileKind::FixedWidth,
        Encoding::Latin1,
        vec![record("order", fields)],
    );
    file.framing = Framing::Blocks { octets: 14 };
    let octets = hex("fffeee6b28000000000000000005");
    let rows = read_all(&file, &octets).expect("a file");
    assert_eq!(rows, vec![(0, one(&["-2", "4000000000", "5"]))]);

    let mut order = record(
        "order",
        vec![
            coded(field("amount", number(7), 3, 4), Coding::Packed, true),
            field("name", FieldType::Text, 7, 3),
        ],
    );
    order.when = Some(RecordTest {
        at: 1,
        width: 2,
        equals: "DT".into(),
        place: None,
    });
    let mut file = format(FileKind::FixedWidth, Encoding::Ebcdic037, vec![order]);
    file.framing = Framing::Blocks { octets: 9 };
    let rows = read_all(&file, &hex("c4e30012345cc1c4c1")).expect("a file");
    assert_eq!(rows, vec![(0, one(&["12345", "ADA"]))]);

    // Python 3.11: csv.writer(f, delimiter=";").writerow(["Say \"x\"", "a;b", "=1+1"])
    let fields: Vec<Field> = (1..=3)
        .map(|at| field(&format!("f{at}"), FieldType::Text, at, 0))
        .collect();
    let kind = FileKind::Delimited {
        delimiter: ';',
        quote: '"',
        heading: false,
    };
    let mut file = format(kind, Encoding::Utf8, vec![record("order", fields)]);
    file.line = Line::Crlf;
    let rows = read_all(&file, b"\"Say \"\"x\"\"\";\"a;b\";=1+1\r\n").expect("a file");
    assert_eq!(rows, vec![(0, one(&["Say \"x\"", "a;b", "=1+1"]))]);
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn code(format: &Format, octets: &[u8]) -> &'static str {
    let refused = read(format, &mut &octets[..], &mut |_| ControlFlow::Continue(()));
    refused.expect_err("a file that is refused").code
}

#[test]
fn hostile_files_are_refused_with_their_codes() {
    let xml = nested(FileKind::Xml, false);
    let bomb = b"<!DOCTYPE f [<!ENTITY a 'aaaa'>]><file><order><pan>&a;</pan></order></file>";
    assert_eq!(code(&xml, bomb), "R1524");
    assert_eq!(
        code(&xml, b"<file><order><pan>&own;</pan></order></file>"),
        "R1524"
    );
    assert_eq!(code(&xml, b"<file><order></file>"), "R1523");
    assert_eq!(code(&xml, b"<file><order>"), "R1520");
    let deep = "<a>".repeat(100);
    assert_eq!(code(&xml, deep.as_bytes()), "R1523");
    let long = format!(
        "<file><order><pan>{}</pan></order></file>",
        "9".repeat(400_000)
    );
    assert_eq!(code(&xml, long.as_bytes()), "R1503");

    let json = nested(FileKind::Json, false);
    assert_eq!(
        code(&json, br#"{"file": {"order": [{"pan": "1", "pan": "2"}]}}"#),
        "R1523"
    );
    assert_eq!(
        code(&json, br#"{"file": {"order": [{"pan": 1.5}]}}"#),
        "R1523"
    );
    assert_eq!(code(&json, br#"{"file": {"order": [{"pan": "1""#), "R1520");
    assert_eq!(code(&json, "[".repeat(200).as_bytes()), "R1523");

    let tlv = nested(FileKind::Tlv, true);
    assert_eq!(code(&tlv, &hex("E1055A0199C3")), "R1520");
    assert_eq!(code(&tlv, &hex("E1035A0999")), "R1521");
    assert_eq!(code(&tlv, &hex("E1805A0199")), "R1523");
    assert_eq!(code(&tlv, &hex("E185FFFFFFFFFF")), "R1523");

    let mut blocks = format(
        FileKind::FixedWidth,
        Encoding::Latin1,
        vec![record("order", text_fields())],
    );
    blocks.framing = Framing::Blocks { octets: 40 };
    assert_eq!(code(&blocks, &[b'A'; 41]), "R1520");
    blocks.framing = Framing::Prefixed {
        prefix: Prefix::Rdw,
        counts_itself: false,
    };
    assert_eq!(code(&blocks, &hex("00020000")), "R1521");
    assert_eq!(code(&blocks, &hex("00080001AAAAAAAA")), "R1521");
    assert_eq!(code(&blocks, &hex("00FF0000AA")), "R1520");
    blocks.framing = Framing::Prefixed {
        prefix: Prefix::Big(4),
        counts_itself: false,
    };
    assert_eq!(code(&blocks, &hex("FFFFFFFFAA")), "R1503");
    let sheet = FileKind::Spreadsheet {
        sheet: None,
        heading: false,
    };
    let sheet = format(sheet, Encoding::Utf8, vec![record("order", text_fields())]);
    assert_eq!(code(&sheet, b"no spreadsheet"), "R1525");
}

#[test]
fn bad_codings_name_their_field() {
    let number = FieldType::Number { digits: 5 };
    let packed = coded(field("amount", number, 1, 3), Coding::Packed, false);
    let mut file = format(
        FileKind::FixedWidth,
        Encoding::Ebcdic037,
        vec![record("order", vec![packed])],
    );
    file.framing = Framing::Blocks { octets: 3 };
    for (octets, expected) in [
        ("01234C", None),
        ("01234F", None),
        ("404040", None),
        ("0123AC", Some("R1522")),
        ("012345", Some("R1522")),
        ("01234D", Some("R1522")),
    ] {
        let mut found = None;
        read(&file, &mut &hex(octets)[..], &mut |f| {
            found = Some(f.cells.map(|_| ()));
            ControlFlow::Continue(())
        })
        .expect("a file");
        let error = found.expect("a record").err();
        assert_eq!(error.as_ref().map(|e| e.code), expected, "{octets}");
        assert!(error.is_none_or(|e| e.field.as_deref() == Some("amount")));
    }
}

/// Made by Python's zipfile; `make.py` beside it says how.
const SHEET: &[u8] = include_bytes!("../../../tests/vectors/spreadsheet/orders.xlsx");

#[test]
fn a_spreadsheet_is_read_by_its_heading() {
    let columns = [
        (
            "Expiry",
            field(
                "expiry",
                FieldType::Date {
                    pattern: "YYMM".into(),
                },
                1,
                0,
            ),
        ),
        ("Card", field("pan", FieldType::Pan, 1, 0)),
        ("Name", field("name", FieldType::Text, 1, 0)),
        (
            "Branch",
            field("branch", FieldType::Digits { digits: 4 }, 1, 0),
        ),
    ];
    let fields = columns
        .map(|(heading, field)| placed(field, heading))
        .to_vec();
    let kind = |sheet: &str| FileKind::Spreadsheet {
        sheet: Some(sheet.to_owned()),
        heading: true,
    };
    let mut file = format(
        kind("Orders"),
        Encoding::Utf8,
        vec![record("order", fields)],
    );
    let mut found = Vec::new();
    read(&file, &mut &SHEET[..], &mut |f| {
        found.push((f.place.line, f.cells.map(|cells| cells.all().to_vec())));
        ControlFlow::Continue(())
    })
    .expect("a sheet");
    let first = one(&["2912", "9999920000000029", "Zoë & Ada", "0007"]);
    assert_eq!(found.first(), Some(&(2, Ok(first))));
    // A PAN as a number: the sheet keeps 15 digits of it, so it is not believed.
    let second = found.get(1).expect("a second row");
    assert_eq!(second.0, 4);
    let error = second.1.as_ref().expect_err("a number that is too long");
    assert_eq!((error.code, error.field.as_deref()), ("R1522", Some("pan")));
    file.kind = kind("Others");
    assert_eq!(code(&file, SHEET), "R1525");
}

#[test]
fn a_spreadsheet_that_unpacks_without_end_is_refused() {
    use std::io::Write;
    let mut book = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    book.start_file("xl/workbook.xml", options).expect("a part");
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..260 {
        book.write_all(&zeros).expect("zeros");
    }
    let octets = book.finish().expect("an archive").into_inner();
    assert!(octets.len() < 1 << 20);
    let kind = FileKind::Spreadsheet {
        sheet: None,
        heading: false,
    };
    let file = format(kind, Encoding::Utf8, vec![record("order", text_fields())]);
    assert_eq!(code(&file, &octets), "R1503");
}

#[test]
fn what_does_not_fit_is_not_written() {
    let number = FieldType::Number { digits: 5 };
    let packed = coded(field("amount", number, 1, 3), Coding::Packed, false);
    let text = field("name", FieldType::Text, 4, 4);
    let mut file = format(
        FileKind::FixedWidth,
        Encoding::Ebcdic037,
        vec![record("order", vec![packed, text])],
    );
    file.framing = Framing::Blocks { octets: 7 };
    for (amount, name, wrong) in [
        ("123456", "Ada", "amount"),
        ("-1", "Ada", "amount"),
        ("x", "Ada", "amount"),
        ("1", "Ada L", "name"),
        ("1", "王", "name"),
    ] {
        let cells = Cells::new(one(&[amount, name]));
        let error = Writer::new(&file).record(0, &cells).expect_err("refused");
        assert_eq!((error.code, error.field.as_deref()), ("R1526", Some(wrong)));
    }
}
