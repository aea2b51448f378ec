//! One applet instance: its life cycle, its groupings and its registers.

use crate::Quirks;
use crate::blank::{PPSE_AID, PSE_AID};
use crate::crypto::Secret;
use crate::plain::{PlainApplet, PlainGrouping};
use crate::profile::{Profile, Reason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Groupings as the card keeps them: deciphered, padding off.
pub(crate) type Groupings = BTreeMap<u16, Secret>;

/// Which side of the card a terminal uses; set at reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interface {
    /// Contacts.
    #[default]
    Contact,
    /// Antenna.
    Contactless,
}

/// What an applet is, by its AID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Payment,
    ContactDirectory,
    ContactlessDirectory,
    /// What its maker said it keeps.
    Plain,
    /// A Type 4 Tag.
    Tag,
    /// A PIV application.
    Piv,
}

/// What a payment application remembers from one transaction to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registers {
    /// Application transaction counter.
    pub(crate) atc: u16,
    /// Its value at the last online transaction.
    pub(crate) last_online_atc: u16,
    /// PIN tries that are left.
    pub(crate) pin_tries_left: u8,
    /// APPLICATION BLOCK or the issuer's card status update has been obeyed.
    pub(crate) blocked: bool,
    /// The last transaction asked for the issuer and never heard from it.
    pub(crate) online_incomplete: bool,
    /// Issuer authentication failed in the last transaction.
    pub(crate) issuer_authentication_failed: bool,
    /// The issuer wants the next transaction online.
    pub(crate) go_online_next: bool,
    /// Script commands obeyed since the last online transaction.
    pub(crate) scripts_obeyed: u8,
    /// A script command failed.
    pub(crate) script_failed: bool,
    /// Transactions approved offline since the last online one.
    pub(crate) offline_count: u8,
}

/// One applet instance.
pub(crate) struct Application {
    pub(crate) aid: Vec<u8>,
    pub(crate) groups: Groupings,
    pub(crate) registers: Registers,
    /// Present once the application is personalized.
    pub(crate) profile: Option<Profile>,
    /// What a plain applet keeps.
    pub(crate) plain: Option<Vec<PlainGrouping>>,
}

impl Application {
    /// An installed applet that holds nothing yet.
    pub(crate) fn installed(aid: Vec<u8>) -> Self {
        Self {
            aid,
            groups: Groupings::new(),
            registers: Registers::default(),
            profile: None,
            plain: None,
        }
    }

    /// A Type 4 Tag as it leaves its maker.
    pub(crate) fn tag() -> Self {
        Self {
            groups: crate::tag::blank(),
            ..Self::installed(crate::tag::NDEF_AID.to_vec())
        }
    }

    /// A PIV application as it leaves its maker.
    pub(crate) fn piv() -> Self {
        Self {
            groups: crate::piv::blank(),
            ..Self::installed(crate::piv::PIV_AID.to_vec())
        }
    }

    /// An installed applet by its AID: those that come with something on them, or none.
    pub(crate) fn of_aid(aid: &[u8]) -> Self {
        match aid {
            aid if aid == crate::tag::NDEF_AID => Self::tag(),
            aid if aid == crate::piv::PIV_AID => Self::piv(),
            aid => Self::installed(aid.to_vec()),
        }
    }

    /// An installed plain applet.
    pub(crate) fn plain(applet: &PlainApplet) -> Self {
        Self {
            plain: Some(applet.groupings.clone()),
            ..Self::installed(applet.aid.clone())
        }
    }

    pub(crate) fn role(&self) -> Role {
        if self.plain.is_some() {
            Role::Plain
        } else if self.aid == crate::tag::NDEF_AID {
            Role::Tag
        } else if self.aid == crate::piv::PIV_AID {
            Role::Piv
        } else if self.aid == PSE_AID {
            Role::ContactDirectory
        } else if self.aid == PPSE_AID {
            Role::ContactlessDirectory
        } else {
            Role::Payment
        }
    }

    /// Octets that the groupings take.
    pub(crate) fn octets(&self) -> usize {
        self.groups.values().map(|value| value.len()).sum()
    }

    /// Ends personalization: from now on the application is what its groupings say.
    pub(crate) fn complete(&mut self, quirks: &Quirks) -> Result<(), Reason> {
        if let Some(rules) = &self.plain {
            self.profile = Some(crate::plain::build(&self.groups, rules)?);
            return Ok(());
        }
        let profile = Profile::build(&self.groups, self.role(), quirks)?;
        if let Some(magstripe) = &profile.magstripe {
            self.registers.atc = magstripe.counter;
        }
        if let Some(payment) = &profile.payment {
            let number = |tag: u32| -> u16 {
                let value = payment.objects.get(&tag).map_or(&[][..], Vec::as_slice);
                value.try_into().map(u16::from_be_bytes).unwrap_or_default()
            };
            self.registers.atc = number(0x9F36);
            self.registers.last_online_atc = number(0x9F13);
            self.registers.pin_tries_left = payment.pin_tries.map_or(0, |(left, _)| left);
        }
        self.profile = Some(profile);
        Ok(())
    }
}
