//! Triple DES of a few and of many blocks under a key of 16 letters and over a text of 8: what
//! `tests/constant_time.sh` watches, to compare two runs instruction by instruction.
//!
//! Letters are taken as they are, so that nothing but the cipher works on them.

use std::hint::black_box;

use cardwright_standards::cipher::{Block, TdesKey};

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(key), Some(text)) = (arguments.next(), arguments.next()) else {
        return;
    };
    let text = text.as_encoded_bytes();
    let (Ok(key), Some(text)) = (
        TdesKey::new(key.as_encoded_bytes()),
        text.first_chunk::<8>(),
    ) else {
        return;
    };
    for _ in 0..8 {
        black_box(key.left().encrypt(black_box(*text)));
        black_box(key.encrypt(black_box(*text)));
        black_box(key.decrypt_each(black_box([*text; 3])));
    }
    let mut blocks = vec![*text; 100];
    TdesKey::encrypt_batch(&vec![&key; 100], &mut blocks);
    key.encrypt_many(&mut blocks);
    black_box(blocks);
}
