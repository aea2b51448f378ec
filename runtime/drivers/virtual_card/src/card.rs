//! The card: power, selection, secure channel and the way of a command through them.

use crate::apdu::{Answer, Command, DATA_OCTETS_MAX, Sw, sw};
use crate::application::{Application, Interface, Role};
use crate::blank::{BlankSpec, INSTANCES_MAX, ISSUER_DOMAIN_AID, Platform};
use crate::channel::{Channel, Handshake};
use crate::content::{Loading, Registry};
use crate::crypto::secret;
use crate::personalize::{Progress, Stream};
use crate::{CardFault, content, domain, emv, piv, plain, tag, tlv};
use cardwright_ports::{CardChannel, CardError, SecretBytes};

/// Answer to reset: T=0 and T=1 offered, seven historical octets (pre-issuing data `CWVC1`), check
/// octet (ISO/IEC 7816-3, 8.2).
const ATR: [u8; 12] = [
    0x3B, 0x87, 0x80, 0x01, 0x80, 0x65, b'C', b'W', b'V', b'C', b'1', 0xD3,
];

/// What a terminal has selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// The issuer security domain, also after reset.
    Domain,
    /// An applet instance, by its place in the registry.
    Application(usize),
}

/// State that a reset clears.
pub(crate) struct Volatile {
    pub(crate) selected: Selected,
    pub(crate) handshake: Option<Handshake>,
    pub(crate) channel: Option<Channel>,
    /// Instance that INSTALL [for personalization] named.
    pub(crate) target: Option<usize>,
    pub(crate) stream: Stream,
    /// Load file that INSTALL [for load] announced.
    pub(crate) loading: Option<Loading>,
    pub(crate) session: emv::Session,
    /// Answer octets that wait for GET RESPONSE, status word included.
    waiting: Vec<u8>,
    /// File that a Type 4 Tag has selected.
    file: Option<u16>,
    piv: piv::Session,
}

impl Volatile {
    fn fresh() -> Self {
        Self {
            selected: Selected::Domain,
            handshake: None,
            channel: None,
            target: None,
            stream: Stream::default(),
            loading: None,
            session: emv::Session::default(),
            waiting: Vec::new(),
            file: None,
            piv: piv::Session::default(),
        }
    }
}

/// A virtual card. Its state lives in memory; [`CardChannel::snapshot`] and
/// [`VirtualCard::restore`] carry it elsewhere.
pub struct VirtualCard {
    pub(crate) platform: Platform,
    pub(crate) applications: Vec<Application>,
    /// Load files and instances.
    pub(crate) registry: Registry,
    pub(crate) volatile: Volatile,
    interface: Interface,
    /// Whether a reader's field, and not a slot, powers the card.
    in_field: bool,
    powered: bool,
    fixed_challenge: Option<Vec<u8>>,
    refusal: Option<String>,
}

impl VirtualCard {
    /// A blank card: its applets are installed and hold nothing.
    ///
    /// # Errors
    /// R1280 when the description does not make a card.
    pub fn blank(spec: &BlankSpec) -> Result<Self, CardFault> {
        let platform = Platform::new(spec)?;
        let applications = spec
            .instances
            .iter()
            .map(|aid| Application::of_aid(aid))
            .chain(spec.plain.iter().map(Application::plain))
            .collect();
        let mut card = Self::assemble(platform, applications)?;
        card.registry.packages.clone_from(&spec.packages);
        card.registry.loadable.clone_from(&spec.loadable);
        let dap = spec.dap.as_ref();
        card.registry.dap = dap.map(|d| (d.domain.clone(), secret(d.key.expose())));
        Ok(card)
    }

    pub(crate) fn assemble(
        platform: Platform,
        applications: Vec<Application>,
    ) -> Result<Self, CardFault> {
        platform.check()?;
        if applications.len() > INSTANCES_MAX {
            return Err(CardFault::blank("a card has sixteen applets at most"));
        }
        let mut seen = std::collections::BTreeSet::from([ISSUER_DOMAIN_AID.to_vec()]);
        for application in &applications {
            if !(5..=16).contains(&application.aid.len()) {
                return Err(CardFault::blank("an AID has 5 to 16 octets"));
            }
            if !seen.insert(application.aid.clone()) {
                return Err(CardFault::blank("an AID stands twice in the registry"));
            }
        }
        Ok(Self {
            platform,
            applications,
            registry: Registry::default(),
            volatile: Volatile::fresh(),
            interface: Interface::Contact,
            in_field: false,
            powered: false,
            fixed_challenge: None,
            refusal: None,
        })
    }

    /// Uses this card challenge in every channel, for vectors; six octets for SCP02, eight for
    /// SCP03. It is not kept in a snapshot.
    #[must_use]
    pub fn with_fixed_challenge(mut self, challenge: &[u8]) -> Self {
        self.fixed_challenge = Some(challenge.to_vec());
        self
    }

    /// Sets the key set's sequence counter, for vectors.
    #[must_use]
    pub fn with_sequence_counter(mut self, counter: u32) -> Self {
        self.platform.sequence = counter;
        self
    }

    /// Sets the interface that the next reset starts.
    pub fn set_interface(&mut self, interface: Interface) {
        self.interface = interface;
        self.powered = false;
    }

    /// Takes the power away; what is volatile is lost.
    pub fn power_off(&mut self) {
        self.powered = false;
        self.volatile = Volatile::fresh();
    }

    /// The answer to reset, whether powered or not.
    pub fn atr(&self) -> &'static [u8] {
        &ATR
    }

    /// AIDs in the registry and whether each application is personalized.
    pub fn registry(&self) -> Vec<(&[u8], bool)> {
        self.applications
            .iter()
            .map(|a| (a.aid.as_slice(), a.profile.is_some()))
            .collect()
    }

    /// Why the last STORE DATA was refused, in words. A real chip keeps this to itself; it names
    /// groupings and never holds a value.
    pub fn last_refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The clear content of a grouping, as tests need it to compare with what was sent.
    pub fn grouping(&self, aid: &[u8], number: u16) -> Option<SecretBytes> {
        let application = self.applications.iter().find(|a| a.aid == aid)?;
        let value = application.groups.get(&number)?;
        Some(SecretBytes::new(value.to_vec()))
    }

    fn execute(&mut self, octets: &[u8]) -> Vec<u8> {
        let Some(command) = Command::parse(octets) else {
            self.volatile.waiting.clear();
            return sw::WRONG_LENGTH.to_be_bytes().to_vec();
        };
        let waiting = std::mem::take(&mut self.volatile.waiting);
        if command.ins == 0xC0 && command.cla & 0xFC == 0 {
            return self.get_response(&command, waiting);
        }
        let shape = Shape {
            le: command.le,
            extended: command.extended,
            has_data: !command.data.is_empty(),
        };
        let answer = self.route(command);
        self.fit(answer, shape)
    }

    /// Obeys a command, through the secure channel where one is open.
    fn route(&mut self, command: Command) -> Vec<u8> {
        let plain = |status: Sw| status.to_be_bytes().to_vec();
        let chained = command.cla & 0xF0 == 0x10 && self.selected_role() == Some(Role::Piv);
        if !chained && !matches!(command.cla & 0xF0, 0x00 | 0x80) {
            return plain(sw::WRONG_CLA);
        }
        if command.cla & 0x03 != 0 {
            return plain(sw::NO_LOGICAL_CHANNEL);
        }
        let globalplatform = matches!(command.ins, 0x50 | 0x82 | 0xE2 | 0xE6);
        if self.platform.native && globalplatform && command.cla & 0x80 != 0 {
            return plain(sw::WRONG_INS);
        }
        match (command.cla, command.ins) {
            (0x00, 0xA4) if command.p1 == 0x00 && self.in_tag() => {}
            (0x00, 0xA4) => return self.select(&command),
            (0x80, 0x50) => return sealed(domain::initialize_update(self, &command)),
            (0x84, 0x82) => return sealed(domain::external_authenticate(self, command)),
            (0x80, 0x82) => return plain(sw::WRONG_CLA),
            _ => {}
        }
        if self.platform.quirks.commands_of_128 && command.data.len() > 128 {
            return plain(sw::WRONG_LENGTH);
        }
        self.volatile.handshake = None;
        let Some(mut channel) = self.volatile.channel.take() else {
            return sealed(self.obey(&command, None));
        };
        match channel.open(command) {
            Ok(command) => {
                let (data, status) = match self.obey(&command, Some(&channel)) {
                    Ok(data) => (data, sw::OK),
                    Err(status) => (Vec::new(), status),
                };
                let answer = channel.close(&data, status);
                self.volatile.channel = Some(channel);
                answer
            }
            Err(status) => {
                self.close_channel();
                plain(status)
            }
        }
    }

    fn obey(&mut self, command: &Command, channel: Option<&Channel>) -> Answer {
        if (command.cla & !0x04, command.ins) == (0x80, 0xE2) {
            return self.store_data(command, channel);
        }
        let index = match self.volatile.selected {
            Selected::Domain => {
                let managed = channel.and_then(|open| content::execute(self, command, open));
                return match managed {
                    Some(answer) => answer,
                    None => domain::execute(self, command, channel.is_some()),
                };
            }
            Selected::Application(index) => index,
        };
        let application = self.applications.get_mut(index).ok_or(sw::CONDITIONS)?;
        if application.role() == Role::Piv {
            let mut piv = piv::Piv {
                groups: &mut application.groups,
                session: &mut self.volatile.piv,
                entropy: &mut self.platform.entropy,
                interface: self.interface,
                secured: channel.is_some(),
            };
            return piv::execute(&mut piv, command);
        }
        if application.role() == Role::Tag {
            return tag::execute(&mut application.groups, &mut self.volatile.file, command);
        }
        if let Some(rules) = &application.plain {
            return plain::execute(application, rules, command);
        }
        let platform = &mut self.platform;
        emv::execute(
            &mut emv::Chip {
                application,
                session: &mut self.volatile.session,
                entropy: &mut platform.entropy,
                quirks: &platform.quirks,
                interface: self.interface,
                card_blocked: &mut platform.blocked,
            },
            command,
        )
    }

    /// Whether a Type 4 Tag is selected.
    fn in_tag(&self) -> bool {
        self.selected_role() == Some(Role::Tag)
    }

    fn selected_role(&self) -> Option<Role> {
        match self.volatile.selected {
            Selected::Domain => None,
            Selected::Application(index) => Some(self.applications.get(index)?.role()),
        }
    }

    /// STORE DATA, to the selected application or through the issuer domain to its target.
    fn store_data(&mut self, command: &Command, channel: Option<&Channel>) -> Answer {
        let index = match (self.volatile.selected, self.volatile.target) {
            (Selected::Application(index), _) | (Selected::Domain, Some(index)) => index,
            (Selected::Domain, None) => {
                // b5 b4 10: BER-TLV for the domain itself; else a target is missing.
                return match (channel, command.p1 & 0x18) {
                    (Some(_), 0x10) => content::store(self, command),
                    _ => Err(sw::CONDITIONS),
                };
            }
        };
        let application = self.applications.get_mut(index).ok_or(sw::CONDITIONS)?;
        // Where every grouping is marked as the last, nobody knows which one is: the sequence that
        // personalized the application may go on.
        let goes_on = self.platform.quirks.last_block_on_every_dgi && self.volatile.stream.begun();
        if matches!(application.role(), Role::Tag | Role::Piv) {
            return Err(sw::WRONG_INS);
        }
        if application.profile.is_some() && !goes_on {
            return Err(sw::CONDITIONS);
        }
        let channel = channel.ok_or(sw::SECURITY)?;
        let quirks = &self.platform.quirks;
        let stream = &mut self.volatile.stream;
        match stream.store(command, application, channel, quirks) {
            Ok(Progress::More) => {}
            Ok(Progress::Complete) if quirks.last_block_on_every_dgi => {}
            Ok(Progress::Complete) => {
                self.volatile.stream = Stream::default();
                self.volatile.target = None;
            }
            Err(refusal) => {
                self.refusal = Some(refusal.why);
                return Err(refusal.status);
            }
        }
        Ok(Vec::new())
    }

    /// SELECT by name: closes the channel, then finds the first or next application whose AID
    /// begins with the name; an exact match comes first.
    fn select(&mut self, command: &Command) -> Vec<u8> {
        match self.find(command) {
            Ok((selected, data, status)) => {
                self.close_channel();
                self.volatile.selected = selected;
                self.volatile.session = emv::Session::default();
                self.volatile.file = None;
                self.volatile.piv = piv::Session::default();
                [&data[..], &status.to_be_bytes()].concat()
            }
            Err(status) => status.to_be_bytes().to_vec(),
        }
    }

    fn find(&self, command: &Command) -> Result<(Selected, Vec<u8>, Sw), Sw> {
        if self.platform.blocked {
            return Err(sw::NOT_SUPPORTED);
        }
        if command.p1 != 0x04 || !matches!(command.p2, 0x00 | 0x02) {
            return Err(sw::WRONG_P1P2);
        }
        let name = command.data.as_slice();
        if name.len() > 16 {
            return Err(sw::WRONG_LENGTH);
        }
        let registry = self.applications.iter().enumerate();
        let mut found: Vec<(&[u8], Selected)> = registry
            .map(|(index, a)| (a.aid.as_slice(), Selected::Application(index)))
            .chain([(&ISSUER_DOMAIN_AID[..], Selected::Domain)])
            .filter(|(aid, selected)| match name.is_empty() {
                true => *selected == Selected::Domain,
                false => aid.starts_with(name),
            })
            .collect();
        found.sort_by_key(|(aid, _)| *aid != name);
        let place = match command.p2 {
            0x00 => 0,
            _ => found
                .iter()
                .position(|(_, selected)| *selected == self.volatile.selected)
                .map_or(0, |place| place + 1),
        };
        let (aid, selected) = found.get(place).ok_or(sw::NOT_FOUND)?;
        let (proprietary, status) = self.proprietary(*selected);
        let role = match selected {
            Selected::Application(index) => self.applications.get(*index).map(Application::role),
            Selected::Domain => None,
        };
        if role == Some(Role::Piv) {
            return Ok((*selected, piv::property_template(), status));
        }
        let inside = [tlv::write(0x84, aid), proprietary].concat();
        Ok((*selected, tlv::write(0x6F, &inside), status))
    }

    /// FCI proprietary template and status word of what is being selected.
    fn proprietary(&self, selected: Selected) -> (Vec<u8>, Sw) {
        let application = match selected {
            Selected::Domain => return (domain::proprietary_template(), sw::OK),
            Selected::Application(index) => self.applications.get(index),
        };
        let Some((application, profile)) = application.and_then(|a| Some((a, a.profile.as_ref()?)))
        else {
            return (tlv::write(0xA5, &[]), sw::OK);
        };
        let status = match application.registers.blocked {
            true => sw::BLOCKED_APPLICATION,
            false => sw::OK,
        };
        (profile.fci(self.interface).to_vec(), status)
    }

    /// The AID that a pseudo-random challenge is made over.
    pub(crate) fn selected_aid(&self) -> &[u8] {
        match self.volatile.selected {
            Selected::Domain => &ISSUER_DOMAIN_AID,
            Selected::Application(index) => self
                .applications
                .get(index)
                .map_or(&[], |a| a.aid.as_slice()),
        }
    }

    pub(crate) fn fixed_challenge(&self) -> Option<&[u8]> {
        self.fixed_challenge.as_deref()
    }

    /// Ends channel and personalization sequence.
    pub(crate) fn close_channel(&mut self) {
        self.volatile.handshake = None;
        self.volatile.channel = None;
        self.volatile.target = None;
        self.volatile.loading = None;
        self.volatile.stream = Stream::default();
    }

    /// Fits an answer into what the terminal expects. Over T=1 a card sends what it has when the
    /// command has no Le; over T=0 data of a command with data always wait.
    fn fit(&mut self, answer: Vec<u8>, shape: Shape) -> Vec<u8> {
        let length = answer.len().saturating_sub(2);
        let t0 = self.platform.quirks.t0_status_words;
        let exact = shape.le == Some(length);
        let roomy = shape.le.is_none_or(|le| le >= length);
        let fits = match t0 {
            true => exact && !shape.has_data,
            false => shape.extended || (roomy && length <= 256),
        };
        if length == 0 || fits {
            return answer;
        }
        if length <= 256 && !(t0 && shape.has_data) {
            return (sw::WRONG_LE | low_octet(length)).to_be_bytes().to_vec();
        }
        self.volatile.waiting = answer;
        (sw::MORE_DATA | low_octet(length.min(256)))
            .to_be_bytes()
            .to_vec()
    }

    fn get_response(&mut self, command: &Command, waiting: Vec<u8>) -> Vec<u8> {
        let data = waiting.len().saturating_sub(2);
        if data == 0 {
            return sw::CONDITIONS.to_be_bytes().to_vec();
        }
        let asked = command.le.unwrap_or(256);
        if asked >= data {
            return waiting;
        }
        let (now, later) = waiting.split_at(asked);
        let left = low_octet((later.len() - 2).min(256));
        self.volatile.waiting = later.to_vec();
        [now, &(sw::MORE_DATA | left).to_be_bytes()].concat()
    }
}

/// What of a command decides how its answer travels.
#[derive(Clone, Copy)]
struct Shape {
    le: Option<usize>,
    extended: bool,
    has_data: bool,
}

/// Length as SW2 has it; 256 is zero.
fn low_octet(length: usize) -> Sw {
    (length & 0xFF) as Sw
}

fn sealed(answer: Answer) -> Vec<u8> {
    match answer {
        Ok(data) => [&data[..], &sw::OK.to_be_bytes()].concat(),
        Err(status) => status.to_be_bytes().to_vec(),
    }
}

impl CardChannel for VirtualCard {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        if self.in_field {
            // Out of the field, back on the contacts of a slot.
            self.in_field = false;
            self.interface = Interface::Contact;
        }
        self.volatile = Volatile::fresh();
        self.powered = true;
        Ok(ATR.to_vec())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        if !self.powered {
            return Err(CardFault::no_power());
        }
        self.refusal = None;
        if command.len() > DATA_OCTETS_MAX + 9 {
            return Ok(sw::WRONG_LENGTH.to_be_bytes().to_vec());
        }
        Ok(self.execute(command))
    }

    fn enter_field(&mut self) -> Result<(), CardError> {
        self.reset()?;
        self.interface = Interface::Contactless;
        self.in_field = true;
        Ok(())
    }

    fn snapshot(&self) -> Option<SecretBytes> {
        crate::snapshot::write(self)
    }
}
