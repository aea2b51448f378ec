//! Invented people: short, long, accented, with apostrophes, Arabic and Greek.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// A cardholder.
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) embossed: &'static str,
    pub(crate) address: [String; 4],
    pub(crate) language: &'static str,
}

const FIRST: &[&str] = &[
    "Ada",
    "Élodie",
    "Zoë",
    "François",
    "Jürgen",
    "Søren",
    "Łukasz",
    "Siobhán",
    "Miloš",
    "Iñaki",
    "Ana",
    "Per",
    "Noor",
    "Tomáš",
    "Çağla",
    "Ingrid",
    "Giulia",
    "Oisín",
    "Beatriz",
    "Maximiliane",
];
const LAST: &[&str] = &[
    "Lovelace",
    "O'Brien",
    "D'Angelo",
    "Müller",
    "Großschädl",
    "Ångström",
    "Łęcki",
    "Núñez",
    "van der Meer",
    "de la Fuente y Castellanos",
    "Ó Súilleabháin",
    "Brückner-Weißenfels",
    "Li",
    "Dvořák",
    "Yılmaz",
    "Sørensen",
    "Papadopoulos",
    "St. John-Smythe",
    "Nguyen",
    "Besançon",
];
const GREEK: &[&str] = &[
    "Ελένη Παπαδοπούλου",
    "Γιώργος Χατζής",
    "Δημήτρης Ψαρρός",
    "Μαρία Ξενάκη",
    "Θάλεια Ρήγα",
];
const ARABIC: &[(&str, &str)] = &[
    ("فاطمة الزهراء", "FATIMA ALZAHRAA"),
    ("محمد بن علي", "MOHAMED BEN ALI"),
    ("ليلى خوري", "LEILA KHOURY"),
    ("عبد الرحمن حداد", "ABDERRAHMANE HADDAD"),
];
const STREETS: &[&str] = &[
    "Rue de l'Étoile",
    "Hauptstraße",
    "Calle Mayor",
    "Via Roma",
    "Nyhavn",
    "Odos Ermou",
];
const TOWNS: &[&str] = &["Lyon", "Zürich", "Málaga", "Torino", "Ålborg", "Αθήνα"];

/// Invents a cardholder.
pub(crate) fn holder(random: &mut ChaCha8Rng) -> Holder {
    let (name, embossed, language) = match random.next_u32() % 20 {
        0 | 1 => (pick(random, GREEK).to_owned(), "", "en"),
        2 | 3 => {
            let at = random.next_u32() as usize % ARABIC.len();
            let (name, embossed) = ARABIC.get(at).copied().unwrap_or_default();
            (name.to_owned(), embossed, "ar")
        }
        _ => (
            format!("{} {}", pick(random, FIRST), pick(random, LAST)),
            "",
            "en",
        ),
    };
    let street = format!("{} {}", random.next_u32() % 180 + 1, pick(random, STREETS));
    let flat = if random.next_u32().is_multiple_of(3) {
        "c/o Réception"
    } else {
        ""
    };
    let town = pick(random, TOWNS).to_owned();
    let address = [street, flat.to_owned(), town, String::new()];
    Holder {
        name: name.chars().take(40).collect(),
        embossed,
        address,
        language,
    }
}

fn pick<'a>(random: &mut ChaCha8Rng, choices: &[&'a str]) -> &'a str {
    choices
        .get(random.next_u32() as usize % choices.len().max(1))
        .copied()
        .unwrap_or_default()
}
