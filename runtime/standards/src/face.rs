//! Faces of an ID-1 card: its size, and the areas that belong to chip, stripe and embossing
//! (ISO/IEC 7810, 7811, 7816-2). Lengths are micrometres from the top left corner of the side.
//!
//! Verified against a public extract: the number line's centre and the name and address area.
//! From memory, marked so: the other edges.

/// Width of an ID-1 card (ISO/IEC 7810, 5.1).
pub const WIDTH_UM: u32 = 85_600;
/// Height of an ID-1 card (ISO/IEC 7810, 5.1).
pub const HEIGHT_UM: u32 = 53_980;
/// Radius of its corners (ISO/IEC 7810, 5.2).
pub const CORNER_UM: u32 = 3_180;

/// A rectangle on a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub left_um: u32,
    /// Top edge.
    pub top_um: u32,
    /// Width.
    pub width_um: u32,
    /// Height.
    pub height_um: u32,
}

/// An area with its owner.
#[derive(Clone, Copy, Debug)]
pub struct Zone {
    /// In words.
    pub name: &'static str,
    /// Where.
    pub area: Area,
    /// Standard and clause.
    pub reference: &'static str,
    /// Whether its edges were compared with a text of the standard or an extract of it.
    pub verified: bool,
}

const fn area(left_um: u32, top_um: u32, width_um: u32, height_um: u32) -> Area {
    Area {
        left_um,
        top_um,
        width_um,
        height_um,
    }
}

/// The eight contacts: from the outer edges of C1 and C4 to those of C5 and C8.
pub const CONTACTS: Zone = Zone {
    name: "the contacts of the chip",
    area: area(10_250, 19_230, 9_620, 9_320),
    reference: "ISO/IEC 7816-2, 4.2",
    verified: false,
};

/// The stripe with three tracks, over the whole width.
pub const STRIPE: Zone = Zone {
    name: "the magnetic stripe",
    area: area(0, 2_920, WIDTH_UM, 12_900),
    reference: "ISO/IEC 7811-2, 5",
    verified: false,
};

/// Area 1: the number line, its characters 4.32 mm high around 21.42 mm above the bottom edge.
pub const NUMBER_LINE: Zone = Zone {
    name: "the embossed number line",
    area: area(7_650, 30_400, 70_400, 4_320),
    reference: "ISO/IEC 7811-1, 7.1",
    verified: true,
};

/// Area 2: four lines for name and address.
pub const NAME_AND_ADDRESS: Zone = Zone {
    name: "the embossed name and address area",
    area: area(7_650, 37_040, 66_040, 14_530),
    reference: "ISO/IEC 7811-1, 7.2",
    verified: true,
};

/// Height of a line of area 2: a quarter of it.
pub const LINE_UM: u32 = 3_632;

/// The area of an embossed line: 1 is the number line, 2 to 4 are of area 2.
#[must_use]
pub fn embossed(line: u8) -> Area {
    match line {
        1 => NUMBER_LINE.area,
        line => {
            let whole = NAME_AND_ADDRESS.area;
            let below = u32::from(line.clamp(2, 5) - 2) * LINE_UM;
            area(whole.left_um, whole.top_um + below, whole.width_um, LINE_UM)
        }
    }
}

/// The same area seen from the other side: embossing shows on both.
#[must_use]
pub fn mirrored(of: Area) -> Area {
    let right = of.left_um.saturating_add(of.width_um);
    area(
        WIDTH_UM.saturating_sub(right),
        of.top_um,
        of.width_um,
        of.height_um,
    )
}

impl Area {
    /// Whether two areas share more than an edge.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let end = |start: u32, length: u32| start.saturating_add(length);
        self.left_um < end(other.left_um, other.width_um)
            && other.left_um < end(self.left_um, self.width_um)
            && self.top_um < end(other.top_um, other.height_um)
            && other.top_um < end(self.top_um, self.height_um)
    }

    /// Whether it lies on the card.
    #[must_use]
    pub fn on_card(&self) -> bool {
        self.left_um.saturating_add(self.width_um) <= WIDTH_UM
            && self.top_um.saturating_add(self.height_um) <= HEIGHT_UM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_the_standard() {
        // Public extract of ISO/IEC 7811-1: the number line's centre 21.42 mm above the bottom
        // edge; area 2 is 14.53 by 66.04 mm, 7.65 mm from the left, 2.41 mm from the bottom.
        let number = NUMBER_LINE.area;
        assert_eq!(HEIGHT_UM - (number.top_um + number.height_um / 2), 21_420);
        let name = NAME_AND_ADDRESS.area;
        assert_eq!(HEIGHT_UM - name.top_um - name.height_um, 2_410);
        for zone in [CONTACTS, STRIPE, NUMBER_LINE, NAME_AND_ADDRESS] {
            assert!(zone.area.on_card(), "{}", zone.name);
        }
        assert!(!NUMBER_LINE.area.overlaps(&CONTACTS.area));
        assert!(!NUMBER_LINE.area.overlaps(&name));
        assert!(!mirrored(number).overlaps(&STRIPE.area));
        assert!(embossed(4).overlaps(&name) && embossed(4).on_card());
        assert_eq!(mirrored(mirrored(name)), name);
    }
}
