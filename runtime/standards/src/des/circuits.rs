//! The S-boxes of DES as circuits of and, or, exclusive or, "and not" and "not".
//!
//! Found by a search of our own: for each output, an inverted or existing signal, one or two new
//! gates, or else a choice by one input between two smaller problems, repeated with random orders;
//! the shortest is kept. 508 gates in all. The test compares every input with the standard's tables.
//! Inputs and outputs are numbered from the left, as the standard does.

use super::slices::Plane;

type In<const W: usize> = [Plane<W>; 6];
type Out<const W: usize> = [Plane<W>; 4];

/// 71 gates.
#[inline(always)]
pub(super) fn s1<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x7, x10, x18) = (x4 ^ x5, !x2, x0 ^ x1, x1 ^ x5);
    let (x8, x19, x23, x30) = (x7.without(x1), x2.without(x18), x1 ^ x2, x0 | x1);
    let (x9, x11, x20, x24) = (x6 ^ x8, x6 | x8, x8.without(x5), x23.without(x0));
    let (x12, x21, x25, x32) = (x11 & x4, x20 & x0, x18 ^ x24, x9 | x10);
    let (x13, x22, x26, x31) = (x1 ^ x12, x19 ^ x21, x25 & x4, x30 ^ x25);
    let (x14, x27, x33, x39) = (x13.without(x2), x22 ^ x26, x5.without(x1), x9.without(x0));
    let (x15, x28, x34, x40) = (x10 ^ x14, x27 & x3, x0.without(x33), x39 | x18);
    let (x16, x35, x47, x53) = (x15 & x0, x34 & x2, x2 ^ x9, x15 ^ x25);
    let (x17, x36, x48, x61) = (x9 ^ x16, x32 ^ x35, x47 ^ x15, x0 ^ x3);
    let (x29, x37, x41, x49) = (x17 ^ x28, x36 & x4, x11 & x17, x17.without(x4));
    let (x38, x42, x54, x62) = (x31 ^ x37, x41 ^ x32, x53 ^ x36, x61 | x8);
    let (x43, x50, x55, x70) = (x42.without(x4), x49 ^ x38, x48 | x54, x11.without(x61));
    let (x44, x51, x56, x72) = (x40 ^ x43, x50 & x5, x55 ^ x13, x7 ^ x61);
    let (x45, x52, x57, x73) = (x44.without(x3), x48 ^ x51, x56 & x4, x72 & x1);
    let (x46, x58) = (x38 ^ x45, x54 ^ x57);
    let (x59, x66) = (x58.without(x3), x29 & x46);
    let (x60, x67) = (x52 ^ x59, x66 ^ x36);
    let (x63, x68) = (x21 | x60, x67 & x2);
    let (x64, x71) = (x63 & x4, x70 | x68);
    let (x65, x74) = (x62 ^ x64, x71 ^ x73);
    let (x69, x75) = (x65 ^ x68, x74 & x5);
    let x76 = x69 ^ x75;
    [x29, x76, x46, x60]
}

/// 61 gates.
#[inline(always)]
pub(super) fn s2<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x7, x16, x22) = (x1 ^ x4, x0.without(x5), !x2, x0 ^ x3);
    let (x8, x9, x17, x23) = (x6 ^ x7, x4 | x7, x16.without(x5), x22.without(x7));
    let (x10, x18, x19, x24) = (x9 & x0, x3 ^ x17, x0 ^ x17, x23 & x4);
    let (x11, x20, x30, x32) = (x5 ^ x10, x19 & x0, x9 & x2, x4.without(x18));
    let (x12, x21, x28, x33) = (x11 & x2, x18 ^ x20, x11.without(x24), x32 | x5);
    let (x13, x25, x29, x48) = (x8 ^ x12, x21 ^ x24, x28 ^ x18, x8.without(x1));
    let (x15, x26, x31, x40) = (x13 ^ x3, x25.without(x1), x29 ^ x30, x1 ^ x25);
    let (x27, x34, x41, x42) = (x15 ^ x26, x5.without(x15), x40 ^ x33, x2 ^ x29);
    let (x35, x43, x49, x50) = (x34 ^ x6, x42 | x27, x48 | x19, x48.without(x0));
    let (x36, x44, x51, x56) = (x35 & x0, x43.without(x0), x50 ^ x40, x4 ^ x42);
    let (x37, x45, x52, x57) = (x33 ^ x36, x33 ^ x44, x51 & x3, x0 & x4);
    let (x38, x46, x53, x58) = (x37 & x1, x45.without(x4), x49 ^ x52, x57 | x18);
    let (x39, x47, x54, x59) = (x31 ^ x38, x41 ^ x46, x53.without(x2), x58 & x1);
    let (x55, x60, x61, x63) = (x47 ^ x54, x56 ^ x59, x0 ^ x28, x6 ^ x32);
    let (x62, x64) = (x61 ^ x59, x63.without(x2));
    let x65 = x62 ^ x64;
    let x66 = x65 & x5;
    let x67 = x60 ^ x66;
    [x27, x67, x55, x39]
}

/// 63 gates.
#[inline(always)]
pub(super) fn s3<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x17, x24, x57) = (x0 ^ x1, x0 | x2, x0.without(x1), x3 & x5);
    let (x7, x34, x59) = (x6 ^ x2, x4 | x17, x2 | x3);
    let (x9, x35) = (x7 ^ x5, !x7);
    let (x10, x36, x58) = (x6 | x9, x35.without(x1), x57 ^ x9);
    let (x11, x19, x25, x37) = (x10 & x5, x0 & x10, x24 ^ x10, x34 ^ x36);
    let (x12, x20, x26, x38) = (x4 ^ x11, x19.without(x5), x25 & x4, x37.without(x5));
    let (x13, x42) = (x12 & x0, x12.without(x0));
    let x14 = x3 ^ x13;
    let (x15, x18, x27) = (x14.without(x3), x17 ^ x14, x14 ^ x26);
    let (x16, x21, x43) = (x9 ^ x15, x18 ^ x20, x42 ^ x18);
    let x22 = x21.without(x4);
    let x23 = x16 ^ x22;
    let (x28, x44, x63, x65) = (x23.without(x1), x10 ^ x23, x23.without(x43), x12 & x23);
    let (x29, x45, x64, x66) = (x28 ^ x10, x44.without(x0), x63 ^ x57, x65 & x0);
    let (x30, x46, x48, x51) = (x29.without(x2), x45.without(x3), x22 ^ x29, x18 & x29);
    let (x31, x32, x47, x49) = (x27 ^ x30, x7 | x30, x43 ^ x46, x48 & x2);
    let (x33, x50, x52, x67) = (x32 & x23, x36 ^ x49, x51 ^ x25, x64 ^ x66);
    let (x39, x53, x68) = (x33 ^ x38, x52 & x3, x67 & x1);
    let (x40, x54, x60) = (x39.without(x3), x50 ^ x53, x59 ^ x53);
    let (x41, x55, x61) = (x31 ^ x40, x54.without(x5), x60 & x4);
    let (x56, x62) = (x47 ^ x55, x58 ^ x61);
    let x69 = x62 ^ x68;
    [x56, x69, x41, x23]
}

/// 55 gates.
#[inline(always)]
pub(super) fn s4<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x10, x13) = (!x0, x3 ^ x4, x0 ^ x3);
    let (x7, x11, x14, x26) = (x4 | x6, x10 & x3, x13 | x2, x13.without(x2));
    let (x8, x46) = (x7 & x2, x1 ^ x11);
    let (x9, x47) = (x6 ^ x8, x46 & x1);
    let (x12, x22) = (x9 ^ x11, x3 ^ x9);
    let (x15, x21) = (x3 & x12, x12.without(x2));
    let (x16, x28) = (x15 ^ x10, x0 ^ x15);
    let (x17, x23) = (x16.without(x0), x22 ^ x16);
    let (x18, x24) = (x14 ^ x17, x23.without(x1));
    let (x19, x25, x45) = (x18 & x1, x21 ^ x24, x18 ^ x22);
    let (x20, x36, x48) = (x12 ^ x19, x6 ^ x25, x45 ^ x47);
    let (x27, x29) = (x26 ^ x20, x28 | x20);
    let (x30, x37, x40, x49) = (x29 & x4, x27.without(x15), x15 ^ x27, x29.without(x36));
    let (x31, x38, x41) = (x27 ^ x30, x37 & x1, x40.without(x1));
    let (x32, x39, x42, x50) = (x31 & x0, x36 ^ x38, x16 ^ x41, x49 | x41);
    let (x33, x43, x51) = (x25 ^ x32, x42 & x4, x50.without(x2));
    let (x34, x44, x52, x59) = (x33 & x5, x39 ^ x43, x48 ^ x51, x5 | x33);
    let (x35, x53, x55, x56) = (x20 ^ x34, x52.without(x5), !x44, x5 ^ x52);
    let (x54, x57, x60) = (x44 ^ x53, x56 & x5, x59 ^ x20);
    let x58 = x55 ^ x57;
    [x58, x54, x60, x35]
}

/// 65 gates.
#[inline(always)]
pub(super) fn s5<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x7, x8, x26) = (x1 ^ x4, !x4, x1 | x4, x1 & x4);
    let (x9, x13, x17, x25) = (x8 & x0, x0 | x8, x3 ^ x7, x0 ^ x6);
    let (x10, x14, x18, x27) = (x7 ^ x9, x13 & x3, x17 | x6, x26 & x2);
    let (x11, x16, x19, x28) = (x10.without(x2), x10.without(x3), x18.without(x2), x25 ^ x27);
    let (x12, x20, x29, x50) = (x6 ^ x11, x3 ^ x19, x1 ^ x2, x0 ^ x2);
    let (x15, x21, x30, x31) = (x12 ^ x14, x20.without(x0), x29 ^ x8, x12.without(x1));
    let (x22, x32, x36) = (x16 ^ x21, x31 & x0, x29.without(x3));
    let (x23, x33, x37) = (x22.without(x5), x30 ^ x32, x36 | x4);
    let (x24, x34, x56, x58) = (x15 ^ x23, x33 & x3, x16 ^ x23, x18 ^ x23);
    let (x35, x38, x66) = (x28 ^ x34, x34.without(x4), x24.without(x11));
    let x39 = x38 | x11;
    let x40 = x39 & x0;
    let (x41, x44) = (x37 ^ x40, x10.without(x40));
    let (x42, x45) = (x41.without(x5), x44 ^ x29);
    let (x43, x47, x51) = (x35 ^ x42, x45 ^ x5, x50.without(x42));
    let (x48, x52, x57, x59) = (x24.without(x43), x51 & x2, x56 ^ x47, x23 | x43);
    let (x49, x60, x64) = (x48 ^ x22, x59 & x2, x11 | x43);
    let (x53, x61, x67) = (x49 ^ x52, x58 ^ x60, x66 ^ x49);
    let (x54, x62, x65, x68) = (x53.without(x3), x61 & x0, x64 ^ x61, x67 & x0);
    let (x55, x63, x69) = (x47 ^ x54, x57 ^ x62, x65 ^ x68);
    let x70 = x69 & x1;
    let x71 = x63 ^ x70;
    [x71, x55, x24, x43]
}

/// 65 gates.
#[inline(always)]
pub(super) fn s6<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x12, x13, x19) = (x2 & x4, x2 | x4, x0 ^ x3, x0.without(x2));
    let (x7, x20, x21, x29) = (x6 ^ x3, x19 ^ x5, x1 ^ x3, x1 ^ x4);
    let (x8, x22, x31, x35) = (x4 & x7, x0 & x7, x1.without(x7), x0 | x7);
    let (x9, x23, x47, x58) = (x8 ^ x2, x22.without(x1), x29 ^ x35, x2 & x35);
    let (x10, x24, x30, x48) = (x9 & x1, x21 ^ x23, x29 ^ x9, x47 & x3);
    let (x11, x25, x43, x59) = (x7 ^ x10, x24 & x4, !x30, x58 ^ x13);
    let (x14, x26, x50, x60) = (x13 ^ x11, x20 ^ x25, x0.without(x11), x47.without(x22));
    let (x15, x27, x32, x44) = (x14 & x1, x26 & x5, x31 ^ x14, x9 ^ x14);
    let (x16, x33, x37, x45) = (x12 ^ x15, x32.without(x0), x8 | x32, x44 & x0);
    let (x17, x34, x36, x38) = (x16 & x0, x30 ^ x33, x35 ^ x33, x37 ^ x35);
    let (x18, x39, x46, x51) = (x11 ^ x17, x38.without(x2), x43 ^ x45, x50 ^ x20);
    let (x28, x40, x49, x52) = (x18 ^ x27, x36 ^ x39, x46 ^ x48, x14.without(x8));
    let (x41, x53, x61) = (x40.without(x5), x52 ^ x33, x60 | x46);
    let (x42, x54, x62) = (x34 ^ x41, x53 & x3, x61.without(x1));
    let (x55, x63, x64) = (x51 ^ x54, x59 ^ x62, x10 ^ x42);
    let (x56, x65, x66) = (x55 & x5, x64 | x24, x32.without(x64));
    let (x57, x67) = (x49 ^ x56, x66.without(x3));
    let x68 = x65 ^ x67;
    let x69 = x68.without(x5);
    let x70 = x63 ^ x69;
    [x70, x57, x28, x42]
}

/// 66 gates.
#[inline(always)]
pub(super) fn s7<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x8, x12, x16) = (x1 | x3, x5.without(x1), x1 | x4, x2 ^ x3);
    let (x7, x9, x13, x21) = (x6 ^ x5, x3.without(x8), x12 | x5, x1 ^ x4);
    let (x10, x14, x22, x29) = (x9 & x4, x13 & x2, x21 | x16, x3 ^ x7);
    let (x11, x23, x30, x35) = (x7 ^ x10, x22 & x2, x29 ^ x21, x1 & x2);
    let (x15, x36, x52, x58) = (x11 ^ x14, x35 ^ x16, x0.without(x3), x1 | x16);
    let (x17, x37, x59) = (x16 ^ x15, x36 & x4, x58 ^ x30);
    let (x18, x31) = (x17.without(x4), x17.without(x5));
    let (x19, x20, x32, x63) = (x13 ^ x18, x18.without(x1), x31 ^ x13, x31 | x59);
    let (x24, x33, x39) = (x20 ^ x23, x32 & x2, x4 ^ x19);
    let (x25, x34, x48) = (x24 & x5, x30 ^ x33, x15 | x24);
    let (x26, x40, x49) = (x19 ^ x25, x39 ^ x34, x48.without(x0));
    let (x27, x41, x50) = (x26.without(x0), x40.without(x5), x49 & x5);
    let x28 = x15 ^ x27;
    let x38 = x28 ^ x37;
    let x42 = x38 ^ x41;
    let (x43, x45) = (x42 & x0, !x42);
    let (x44, x46, x53, x64) = (x34 ^ x43, x45.without(x0), x52 | x43, x45.without(x2));
    let (x47, x54, x65) = (x34 ^ x46, x53 & x5, x63 ^ x64);
    let (x51, x55) = (x47 ^ x50, x50 ^ x54);
    let x56 = x55 & x1;
    let (x57, x66) = (x51 ^ x56, x0 ^ x56);
    let (x60, x67) = (x36.without(x57), x66.without(x65));
    let (x61, x68) = (x60.without(x4), x67 & x4);
    let (x62, x69) = (x59 ^ x61, x65 ^ x68);
    let x70 = x69 & x0;
    let x71 = x62 ^ x70;
    [x44, x57, x28, x71]
}

/// 62 gates.
#[inline(always)]
pub(super) fn s8<const W: usize>([x0, x1, x2, x3, x4, x5]: In<W>) -> Out<W> {
    let (x6, x7, x11, x22) = (x2 ^ x5, x0.without(x5), !x2, x1.without(x0));
    let (x8, x13, x18, x19) = (x7 | x2, x11 ^ x4, x3 ^ x7, x7.without(x1));
    let (x9, x14, x20, x23) = (x8 & x4, x13.without(x0), x19 & x2, x22.without(x4));
    let (x10, x15, x21, x27) = (x6 ^ x9, x0 ^ x14, x18 ^ x20, x9 | x13);
    let (x16, x24, x28, x29) = (x15.without(x1), x21 ^ x23, x27 ^ x22, x4 & x5);
    let (x17, x25, x30, x33) = (x10 ^ x16, x24 & x3, x29 ^ x24, x5 | x13);
    let (x26, x31, x34, x36) = (x17 ^ x25, x30.without(x3), x33 & x3, x2 | x4);
    let (x32, x35, x37, x44) = (x28 ^ x31, x10 ^ x34, x3 | x4, x17.without(x24));
    let (x38, x45, x46, x49) = (x37.without(x5), x44 ^ x35, x3 | x33, x32 & x37);
    let (x39, x47, x50, x57) = (x36 ^ x38, x46 & x0, x0 ^ x5, x0 ^ x3);
    let (x40, x48, x51, x58) = (x39.without(x0), x45 ^ x47, x50 ^ x25, x57 & x4);
    let (x41, x52, x56, x60) = (x35 ^ x40, x51 & x1, x38 ^ x40, x1 ^ x44);
    let (x42, x53, x59, x61) = (x41.without(x1), x49 ^ x52, x56 ^ x58, x60 | x41);
    let (x43, x54, x62, x64) = (x32 ^ x42, x53.without(x2), x61 & x1, x10.without(x25));
    let (x55, x63, x65) = (x48 ^ x54, x59 ^ x62, x64 & x1);
    let x66 = x0 ^ x65;
    let x67 = x66.without(x2);
    let x68 = x63 ^ x67;
    [x43, x26, x68, x55]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::des::standard::S;

    #[test]
    fn circuits_are_the_tables() {
        let circuits: [fn(In<1>) -> Out<1>; 8] = [s1, s2, s3, s4, s5, s6, s7, s8];
        for (circuit, table) in circuits.into_iter().zip(S) {
            // Place `i` of each plane holds input `i`.
            let inputs = std::array::from_fn(|bit| {
                Plane([(0..64).fold(0u64, |plane, i| plane | (i >> (5 - bit) & 1) << i)])
            });
            let outputs = circuit(inputs);
            for input in 0..64usize {
                let found = outputs
                    .iter()
                    .fold(0, |v, plane| v << 1 | (plane.0[0] >> input & 1));
                let place = (input >> 4 & 2 | input & 1) * 16 + (input >> 1 & 15);
                assert_eq!(found, u64::from(table[place]), "input {input}");
            }
        }
    }
}
