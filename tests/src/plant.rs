//! A whole line in one process: the small bank, a soft HSM, a simulated machine with virtual cards.
//! A test may put its own wrapper around any port.

use crate::{orders, projects, workspace};
use cardwright_bundle::{Bundle, Chip, Content, FileKind, Line as LineEnd};
use cardwright_compiler::project::MemoryFiles;
use cardwright_machine::{ChipFactory, MachineSettings, SimulatedMachine};
use cardwright_paper::PaperDriver;
use cardwright_ports::{
    Binding, CardChannel, CardError, Clock, Hsm, Machine, SecretBytes, Store,
    hsm::Diversification,
    store::{AuditEntry, Batch, BundleRow, Change, JobId, OrderKey, Sealer},
};
use cardwright_rehearsal::Order;
use cardwright_runtime::{
    Loaded,
    engine::{self, EngineError, Executor, Ports, Route, RunOutcome, Settings, Switch},
    load,
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::{
    cipher::AesKey,
    pin::{Pin, block},
    test_keys,
};
use cardwright_stations::{Line, LineParts, StationError, Taking, take};
use cardwright_store::JobSealer;
use cardwright_virtual_card::{BlankKeys, BlankSpec, ISSUER_DOMAIN_AID, Protocol, VirtualCard};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
};

/// An order that the small bank's certificates are for.
pub fn order() -> Order {
    Order {
        bin: Some("999992".to_owned()),
        ..Order::default()
    }
}

/// The seed of rehearsals: an HSM with it opens what a rehearsal has sealed.
pub const REHEARSAL_SEED: [u8; 32] = *b"Cardwright rehearsal, TEST only.";

/// The small bank with the example bank's name, so that the open test keys are those that the
/// example's certificates are for.
pub fn small_bank() -> Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| bank_of(|source| source)).clone()
}

/// The same with a change of its source.
pub fn bank_of(change: impl FnOnce(String) -> String) -> Bundle {
    let source = change(workspace::read("tests/cases/emit/small-card/in.perso"));
    let source = source.replace("package small", "package aurora");
    let source = source.replace("issuer small", "issuer aurora");
    let keys = projects::aurora_folder().join("keys");
    let key = |name: &str| std::fs::read(keys.join(name)).expect("a key of the example");
    let manifest = "name = \"aurora\"\nversion = \"1.0.0\"\nsequence = 1\n";
    projects::signed(projects::compile(
        &MemoryFiles::new()
            .with("cardwright.toml", manifest)
            .with("in.perso", source)
            .with("keys/issuer-92.cer", key("issuer-92.cer"))
            .with("keys/test-ca-92.pub", key("test-ca-92.pub")),
    ))
}

/// The small bank's bundle with a change that a compiler would not make; it need not load.
pub fn changed(change: impl FnOnce(&mut Content)) -> Bundle {
    let bundle = small_bank();
    let mut content = bundle.content().clone();
    let assets: BTreeMap<_, _> = bundle
        .assets()
        .iter()
        .map(|(name, bytes)| {
            let row = content.assets.iter().find(|asset| asset.name == *name);
            let media_type = row.expect("its row").media_type.clone();
            (name.clone(), (media_type, bytes.clone()))
        })
        .collect();
    change(&mut content);
    projects::signed(Bundle::seal(content, assets).expect("it seals"))
}

/// The same, as a site that accepts it has it in memory.
pub fn loaded(change: impl FnOnce(&mut Content)) -> Loaded {
    load::accept(changed(change)).expect("a bundle that loads")
}

/// A blank as its maker delivers it: applets installed, the issuer's open test keys inside.
pub fn blank(content: &Content, chip: &Chip, serial: [u8; 4]) -> VirtualCard {
    let quirks = chip.applications.iter().flat_map(|a| &a.quirks);
    let quirks: Vec<&str> = quirks.map(|(quirk, _)| quirk.as_str()).collect();
    deviating(content, chip, serial, &quirks)
}

/// The same with deviations that need not be those of the bundle.
pub fn deviating(content: &Content, chip: &Chip, serial: [u8; 4], quirks: &[&str]) -> VirtualCard {
    let channel = chip.channel.as_ref().expect("a channel");
    let slot = &content.keys[channel.key as usize];
    let key = test_keys::symmetric_key(&slot.name, &slot.algorithm).expect("an open key");
    let method = match channel.diversification.as_str() {
        "emv" => Diversification::Emv,
        "visa2" => Diversification::Visa2,
        "visa" => Diversification::Visa,
        "kdf3" => Diversification::Kdf3,
        _ => Diversification::None,
    };
    let option = channel.option;
    let protocol = match channel.protocol.as_str() {
        "scp02" => Protocol::Scp02 { option },
        _ => Protocol::Scp03 { option },
    };
    let keys = BlankKeys::Master {
        key: SecretBytes::new(key.expose().to_vec()),
        method,
    };
    let aid = |text: &String| hex::decode(text).expect("an AID");
    let instances = chip.applications.iter().map(|a| aid(&a.aid));
    let instances = instances.filter(|aid| *aid != ISSUER_DOMAIN_AID).collect();
    let group = [0xFF, 0xFF, 0xFF, 0x99, 0x99, 0x92];
    let mut spec = BlankSpec::new(protocol, keys, group, serial, instances);
    if channel.key_version != 0 {
        spec.key_version = channel.key_version;
    }
    for quirk in quirks {
        assert!(
            spec.quirks.declare(quirk),
            "the virtual card has no `{quirk}`"
        );
    }
    VirtualCard::blank(&spec).expect("a blank")
}

/// What a card that plays tricks makes of its own answer: number of the command, command, answer.
type OwnTrick<'t> = dyn FnMut(usize, &[u8], Vec<u8>) -> Result<Vec<u8>, CardError> + Send + 't;

/// What a trick does: the number of the command (from 0), the command, the card's own answer.
pub type Trick = dyn FnMut(usize, &[u8], Vec<u8>) -> Result<Vec<u8>, CardError> + Send;

/// A card whose answers somebody changes on the way.
pub struct TrickCard<'t> {
    card: Box<dyn CardChannel + 't>,
    trick: Box<OwnTrick<'t>>,
    commands: usize,
    has_field: bool,
}

impl<'t> TrickCard<'t> {
    /// Around a card.
    pub fn new(
        card: impl CardChannel + 't,
        trick: impl FnMut(usize, &[u8], Vec<u8>) -> Result<Vec<u8>, CardError> + Send + 't,
    ) -> Self {
        Self {
            card: Box::new(card),
            trick: Box::new(trick),
            commands: 0,
            has_field: false,
        }
    }

    /// In a reader that has a field, too.
    pub fn with_field(self) -> Self {
        Self {
            has_field: true,
            ..self
        }
    }

    /// Commands so far.
    pub fn commands(&self) -> usize {
        self.commands
    }
}

impl CardChannel for TrickCard<'_> {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        self.card.reset()
    }
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        let number = self.commands;
        self.commands += 1;
        let answer = self.card.transmit(command)?;
        (self.trick)(number, command, answer)
    }
    fn enter_field(&mut self) -> Result<(), CardError> {
        match self.has_field {
            true => self.card.enter_field(),
            false => Err(CardError {
                code: "R1209",
                what: "this reader has contacts only".to_owned(),
            }),
        }
    }
}

/// A borrowed card is a card, too.
pub struct Lent<'c>(pub &'c mut VirtualCard);

impl CardChannel for Lent<'_> {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        self.0.reset()
    }
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        self.0.transmit(command)
    }
    fn enter_field(&mut self) -> Result<(), CardError> {
        self.0.enter_field()
    }
}

/// The error of a reader whose cable was pulled.
pub fn unplugged() -> CardError {
    CardError {
        code: "R1263",
        what: "the card has left the contacts".to_owned(),
    }
}

/// A day on which every certificate of the tests holds: 2026-01-01, noon.
pub struct Noon;

impl Clock for Noon {
    fn unix_seconds(&self) -> i64 {
        1_767_268_800
    }
    fn monotonic_us(&self) -> u64 {
        0
    }
}

/// The small bank with a folder of its own.
pub struct Plant {
    /// Bundle.
    pub loaded: Loaded,
    /// HSM.
    pub hsm: SoftHsm,
    folder: tempfile::TempDir,
}

impl Plant {
    /// With one blank for another attempt when a card is spoilt.
    pub fn new() -> Self {
        Self {
            loaded: load::accept(small_bank()).expect("it loads"),
            hsm: SoftHsm::in_memory([0x42; 32]).expect("an HSM"),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A machine with blanks whose cards pass through a wrapper.
    pub fn machine(
        &self,
        wrap: impl Fn(VirtualCard) -> Box<dyn CardChannel> + Send + Sync + 'static,
    ) -> SimulatedMachine {
        let content = self.loaded.content().clone();
        let chips: ChipFactory = Arc::new(move |_: &str, serial: &str| {
            let chip = content.cards[0].chip.as_ref().expect("a chip");
            let digest = <sha2::Sha256 as sha2::Digest>::digest(serial.as_bytes());
            wrap(blank(
                &content,
                chip,
                [digest[0], digest[1], digest[2], digest[3]],
            ))
        });
        let folder = self.folder().join("machine");
        let machine =
            SimulatedMachine::open(&folder, MachineSettings::default(), chips).expect("a machine");
        machine.load_stock("SMALL", 100).expect("blanks");
        machine
    }

    /// Takes so many orders in; the job is loaded then.
    pub fn take(&self, store: &dyn Store, count: u64) -> JobId {
        self.take_by(&self.hsm, store, count)
    }

    /// The same with another HSM, which has the bundle's keys.
    pub fn take_by(&self, hsm: &dyn Hsm, store: &dyn Store, count: u64) -> JobId {
        let content = self.loaded.content();
        let job = self.loaded.job(None).expect("one job");
        let digest = hex::encode_upper(self.loaded.bundle().digest());
        let bundle = BundleRow {
            digest,
            name: content.name.clone(),
            sequence: content.sequence,
            loaded_at: 1,
        };
        store
            .commit(&Batch {
                at: 1,
                require: None,
                changes: vec![Change::Bundle(bundle)],
                audit: vec![AuditEntry {
                    actor: "test".to_owned(),
                    act: "bundle".to_owned(),
                    key: OrderKey { job: 0, order: 0 },
                    detail: String::new(),
                }],
            })
            .expect("an accepted bundle");
        let path = self.folder().join("orders.txt");
        std::fs::write(&path, self.order_file(count)).expect("an order file");
        let taking = Taking {
            loaded: &self.loaded,
            job,
            joined: &[],
            file_number: None,
            store,
            clock: &Noon,
        };
        let mut session = hsm.open_session().expect("a session");
        let taken = take(&taking, &path, session.as_mut(), &make_sealer).expect("it is taken");
        assert_eq!(taken.summary.accepted, count);
        taken.id
    }

    /// An order file in the small bank's columns.
    pub fn order_file(&self, count: u64) -> String {
        let job = self.loaded.job(None).expect("one job");
        let formats = &self.loaded.content().formats;
        let format = formats
            .iter()
            .find(|f| f.name == job.input)
            .expect("the input");
        assert!(matches!(format.kind, FileKind::FixedWidth));
        let end = match format.line {
            LineEnd::Lf => "\n",
            LineEnd::Crlf => "\r\n",
            other => panic!("{other:?} in the small bank"),
        };
        (1..=count).map(|n| self.order(n) + end).collect()
    }

    /// An order's line in the small bank's columns.
    fn order(&self, number: u64) -> String {
        let keys = &self.loaded.content().keys;
        let slot = keys
            .iter()
            .find(|k| k.usage == "pin_encryption")
            .expect("a PIN key");
        let key = test_keys::symmetric_key(&slot.name, &slot.algorithm).expect("an open key");
        let key = AesKey::new(key.expose()).expect("16 octets");
        let pan = orders::pan(number);
        let pin = Pin::new("1357").expect("digits");
        let pin = block::encipher_4(&key, &pin, &pan, [0x5A; 8]).expect("a block");
        let pin = hex::encode_upper(pin);
        let name = "ADA LOVELACE";
        format!("{pan:<19}00{name:<26}3111{pin}{:<30}{:<90}", "1 RUE", "")
    }

    /// Runs a job until it ends or pauses.
    pub fn run(&self, work: &Work<'_>) -> Result<RunOutcome, EngineError> {
        self.run_by(&self.hsm, work)
    }

    /// The same with another HSM, which took the orders in.
    pub fn run_by(&self, hsm: &dyn Hsm, work: &Work<'_>) -> Result<RunOutcome, EngineError> {
        let started = engine::start(work.store, work.clock, work.job, "operator")?;
        self.go_on_by(hsm, work, started)
    }

    /// Goes on with a job that was started or authorized.
    pub fn go_on(
        &self,
        work: &Work<'_>,
        started: engine::Start,
    ) -> Result<RunOutcome, EngineError> {
        self.go_on_by(&self.hsm, work, started)
    }

    fn go_on_by(
        &self,
        hsm: &dyn Hsm,
        work: &Work<'_>,
        started: engine::Start,
    ) -> Result<RunOutcome, EngineError> {
        let row = work.store.job(work.job)?;
        let job = self.loaded.job(None).expect("one job");
        let mut session = hsm.open_session().expect("a session");
        let wrapped = row.wrapped_key.clone().expect("an open job");
        let label = format!("{} {}", row.file_sha256, row.name);
        let key = session
            .open_job_key(&label, &wrapped)
            .expect("the job's key");
        let sealer = make_sealer(&key).expect("a sealer");
        let out = self.folder().join("out");
        let paper = PaperDriver::new();
        let labels = BTreeMap::new();
        let line = Line::new(LineParts {
            loaded: &self.loaded,
            job,
            row: &row,
            hsm: work.hsm,
            labels: &labels,
            binding: work.binding,
            store: work.store,
            pool: &cardwright_stations::pool::NoPool,
            ahead: 1,
            machine: work.machine,
            paper: &paper,
            clock: work.clock,
            sealer: sealer.as_ref(),
            out: &out,
            keep_cards: false,
        })
        .expect("a line");
        let flows = &self.loaded.content().flows;
        let flow = flows.iter().find(|f| f.name == job.flow).expect("its flow");
        let route = Route::of_flow(flow)?;
        let ports = Ports {
            store: work.store,
            clock: work.clock,
            hands: &line,
        };
        let settings = Settings::with_lanes(1, 0);
        Executor::new(ports, work.job, started, route, settings).run(&Switch::default(), &|_| {})
    }
}

impl Default for Plant {
    fn default() -> Self {
        Self::new()
    }
}

/// The ports that a job is run through.
#[derive(Clone, Copy)]
pub struct Work<'w> {
    /// Which.
    pub job: JobId,
    /// HSM.
    pub hsm: &'w dyn Hsm,
    /// Store.
    pub store: &'w dyn Store,
    /// Machine.
    pub machine: &'w dyn Machine,
    /// Time.
    pub clock: &'w dyn Clock,
    /// Whether the job's keys are still in use.
    pub binding: &'w dyn Binding,
}

fn make_sealer(key: &SecretBytes) -> Result<Box<dyn Sealer>, StationError> {
    Ok(Box::new(JobSealer::new(key)?))
}
