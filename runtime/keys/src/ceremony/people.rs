//! People of key management: roles, secrets, signatures.
//!
//! Of a secret the register keeps only what Argon2id makes of it: the public half of an Ed25519 key
//! whose private half is derived anew each time the person types the secret. Who can derive it is
//! that person; what it signs can be checked by everybody without any secret.

use super::codes::{ATTEMPTS, CEREMONY, PERSON, ROLE};
use crate::KeysError;
use crate::inventory::Changes;
use argon2::{Algorithm, Argon2, Params, Version};
use cardwright_ports::register::{Register, RegisterChange};
use cardwright_ports::{Registers, SecretBytes};
use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Wrong secrets in a row that lock a name.
pub(super) const WRONG_MAX: u8 = 5;
/// Fewest characters of a secret.
pub const SECRET_MIN: usize = 12;
const SECRET_MAX: usize = 256;
const NAME_MAX: usize = 100;
/// Most components of a key, and so custodians.
pub(super) const CUSTODIANS_MAX: u8 = 5;

/// What a person may be in a ceremony.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens and closes ceremonies, with others.
    Officer,
    /// Holds the component of this number.
    Custodian(u8),
    /// Watches and signs the record.
    Auditor,
}

impl Role {
    /// By its name: `officer`, `auditor`, `custodian:1`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "officer" => Some(Self::Officer),
            "auditor" => Some(Self::Auditor),
            _ => {
                let number: u8 = name.strip_prefix("custodian:")?.parse().ok()?;
                (1..=CUSTODIANS_MAX)
                    .contains(&number)
                    .then_some(Self::Custodian(number))
            }
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Officer => f.write_str("officer"),
            Self::Auditor => f.write_str("auditor"),
            Self::Custodian(number) => write!(f, "custodian:{number}"),
        }
    }
}

/// What Argon2id costs (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
}

impl Cost {
    /// RFC 9106, 4: the second recommended option, 64 MiB and three passes.
    pub const USUAL: Self = Self {
        memory_kib: 65_536,
        passes: 3,
    };
}

/// A person's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// 1.
    pub schema_version: u32,
    /// Name as people write it.
    pub name: String,
    /// Roles that the person may have; one of them in a ceremony.
    pub roles: Vec<Role>,
    /// Salt of the secret, hexadecimal.
    pub salt: String,
    /// Cost of the secret.
    pub cost: Cost,
    /// Public half of the person's signature key, hexadecimal.
    pub public_key: String,
    /// Wrong secrets in a row.
    pub wrong: u8,
    /// When, seconds since 1970.
    pub created_at: i64,
    /// Who registered the person.
    pub created_by: Vec<String>,
}

/// A person who has typed the right secret; can't be printed or copied.
pub struct Present {
    name: String,
    roles: Vec<Role>,
    key: SigningKey,
}

impl Present {
    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Refuses a person who is not registered for a role.
    pub fn check(&self, role: Role) -> Result<(), KeysError> {
        if self.roles.contains(&role) {
            return Ok(());
        }
        Err(ROLE.found(format!("{} is not registered as {role}", self.name)))
    }

    /// Public half of the person's key, hexadecimal.
    pub(crate) fn public_key(&self) -> String {
        hex::encode(self.key.verifying_key().to_bytes())
    }

    /// Signs a text, hexadecimal.
    pub(crate) fn sign(&self, text: &str) -> String {
        hex::encode(self.key.sign(text.as_bytes()).to_bytes())
    }
}

impl Present {
    /// A signature over a text, with who made it.
    pub(crate) fn signature(&self, text: &str, role: Role, at: i64) -> super::Signature {
        super::Signature {
            name: self.name.clone(),
            role,
            at,
            signature: self.sign(text),
            public_key: self.public_key(),
        }
    }
}

impl Custodian {
    /// Whether a signature over a text is this person's.
    pub(crate) fn signed(&self, text: &str, signature: &str) -> bool {
        signature_holds(&self.public_key, text, signature)
    }
}

/// The row of a name: spelling of spaces and case does not make another person.
pub(crate) fn id_of(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn derive(secret: &SecretBytes, salt: &[u8], cost: Cost) -> Result<SigningKey, KeysError> {
    let wrong = |_| CEREMONY.found("the cost of a person's secret can't be used");
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(wrong)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut seed = Zeroizing::new([0u8; 32]);
    argon
        .hash_password_into(secret.expose(), salt, seed.as_mut_slice())
        .map_err(wrong)?;
    Ok(SigningKey::from_bytes(&seed))
}

impl Custodian {
    /// A new person with a salt of fresh randomness.
    pub fn new(
        name: &str,
        roles: &[Role],
        secret: &SecretBytes,
        (salt, cost): ([u8; 16], Cost),
        (at, by): (i64, &[String]),
    ) -> Result<Self, KeysError> {
        let length = std::str::from_utf8(secret.expose()).map_or(0, |text| text.chars().count());
        if !(SECRET_MIN..=SECRET_MAX).contains(&length) {
            let what = format!("a secret has {SECRET_MIN} to {SECRET_MAX} characters");
            return Err(PERSON.found(what));
        }
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let letters = name.chars().all(|c| !c.is_control());
        if !(1..=NAME_MAX).contains(&name.len()) || !letters || roles.is_empty() {
            return Err(ROLE.found("a person has a name of up to 100 letters and a role"));
        }
        let mut roles = roles.to_vec();
        roles.sort_unstable();
        roles.dedup();
        let public = derive(secret, &salt, cost)?.verifying_key().to_bytes();
        Ok(Self {
            schema_version: 1,
            name,
            roles,
            salt: hex::encode(salt),
            cost,
            public_key: hex::encode(public),
            wrong: 0,
            created_at: at,
            created_by: by.to_vec(),
        })
    }

    /// Reads a row.
    pub fn from_row(id: &str, body: &str) -> Result<Self, KeysError> {
        let wrong = |what: &str| CEREMONY.found(format!("custodians {id}: {what}"));
        let person: Self = serde_json::from_str(body).map_err(|_| wrong("it can't be read"))?;
        if person.schema_version != 1 || id_of(&person.name) != id {
            return Err(wrong("it is of another version or of somebody else"));
        }
        Ok(person)
    }

    /// The change that writes the row over a version.
    pub fn put(&self, from: u64) -> Result<RegisterChange, KeysError> {
        let body = serde_json::to_string(self)
            .map_err(|_| CEREMONY.found("a person's row can't be written"))?;
        Ok(RegisterChange {
            register: Register::Custodians,
            id: id_of(&self.name),
            from,
            body: Some(body),
        })
    }

    /// Whether the name is locked.
    pub fn locked(&self) -> bool {
        self.wrong >= WRONG_MAX
    }

    fn opened(&self, secret: &SecretBytes) -> Result<Option<SigningKey>, KeysError> {
        let salt =
            hex::decode(&self.salt).map_err(|_| CEREMONY.found("a person's salt can't be read"))?;
        let key = derive(secret, &salt, self.cost)?;
        let right = hex::encode(key.verifying_key().to_bytes()) == self.public_key;
        Ok(right.then_some(key))
    }
}

/// Whether a signature over a text is that of a public key, all hexadecimal.
pub(crate) fn signature_holds(public_key: &str, text: &str, signature: &str) -> bool {
    let octets = |text: &str| hex::decode(text).ok();
    let key = octets(public_key).and_then(|o| <[u8; 32]>::try_from(o).ok());
    let key = key.and_then(|octets| VerifyingKey::from_bytes(&octets).ok());
    let signature = octets(signature).and_then(|o| <[u8; 64]>::try_from(o).ok());
    match (key, signature) {
        (Some(key), Some(signature)) => {
            let signature = ed25519_dalek::Signature::from_bytes(&signature);
            key.verify(text.as_bytes(), &signature).is_ok()
        }
        _ => false,
    }
}

/// All people with their rows' versions, by name.
pub fn people(registers: &dyn Registers) -> Result<Vec<(u64, Custodian)>, KeysError> {
    let rows = registers.register_rows(Register::Custodians)?;
    rows.iter()
        .map(|row| Ok((row.version, Custodian::from_row(&row.id, &row.body)?)))
        .collect()
}

/// One person with the row's version.
pub fn person(
    registers: &dyn Registers,
    name: &str,
) -> Result<Option<(u64, Custodian)>, KeysError> {
    let row = registers.register_row(Register::Custodians, &id_of(name))?;
    row.map(|row| Ok((row.version, Custodian::from_row(&row.id, &row.body)?)))
        .transpose()
}

/// Who typed a secret, and what must be committed before anything is done in their name: wrong
/// attempts count although they change nothing else.
pub fn authenticate(
    registers: &dyn Registers,
    name: &str,
    secret: &SecretBytes,
) -> Result<(Result<Present, KeysError>, Changes), KeysError> {
    let mut changes = Changes::default();
    let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    let Some((version, mut custodian)) = person(registers, name)? else {
        changes.say(
            &shown,
            "custodian-refused",
            "nobody of that name is registered",
        );
        return Ok((
            Err(PERSON.found("name and secret do not go together")),
            changes,
        ));
    };
    if custodian.locked() {
        changes.say(&shown, "custodian-refused", "the name is locked");
        return Ok((Err(ATTEMPTS.found(format!("{shown} is locked"))), changes));
    }
    let Some(key) = custodian.opened(secret)? else {
        custodian.wrong = custodian.wrong.saturating_add(1);
        let what = format!("wrong secret, {} in a row", custodian.wrong);
        changes.say(&custodian.name, "custodian-refused", what);
        changes.changes.push(custodian.put(version)?);
        return Ok((
            Err(PERSON.found("name and secret do not go together")),
            changes,
        ));
    };
    if custodian.wrong > 0 {
        custodian.wrong = 0;
        changes.say(&custodian.name, "custodian-present", "after wrong secrets");
        changes.changes.push(custodian.put(version)?);
    }
    let present = Present {
        name: custodian.name,
        roles: custodian.roles,
        key,
    };
    Ok((Ok(present), changes))
}

/// Registers a person. The first two must be security officers and need nobody; after that two
/// officers who are present register others.
pub fn register(
    registers: &dyn Registers,
    new: &Custodian,
    officers: &[&Present],
) -> Result<Changes, KeysError> {
    let known = people(registers)?;
    let first = known
        .iter()
        .filter(|(_, p)| p.roles.contains(&Role::Officer))
        .count()
        < 2;
    if first {
        if !new.roles.contains(&Role::Officer) {
            return Err(ROLE.found("the first two people of a site are security officers"));
        }
    } else {
        two_officers(officers)?;
    }
    if known
        .iter()
        .any(|(_, p)| id_of(&p.name) == id_of(&new.name))
    {
        return Err(ROLE.found(format!("{} is registered already", new.name)));
    }
    if known.iter().any(|(_, p)| p.public_key == new.public_key) {
        return Err(ROLE.found("somebody else has that secret"));
    }
    let mut changes = Changes::default();
    let roles: Vec<String> = new.roles.iter().map(Role::to_string).collect();
    let what = format!("{} as {}", new.name, roles.join(", "));
    changes.say(&names(officers), "custodian-add", what);
    changes.changes.push(new.put(0)?);
    Ok(changes)
}

/// What two officers may do to somebody's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Takes the person out of the register.
    Remove,
    /// Forgets wrong secrets.
    Unlock,
}

/// Removes or unlocks a person, by two officers of whom neither is that person.
pub fn care(
    registers: &dyn Registers,
    name: &str,
    what: Care,
    officers: &[&Present],
) -> Result<Changes, KeysError> {
    two_officers(officers)?;
    let found = person(registers, name)?;
    let (version, mut custodian) = found.ok_or_else(|| PERSON.found("nobody of that name"))?;
    if officers.iter().any(|o| id_of(&o.name) == id_of(name)) {
        return Err(ROLE.found("nobody removes or unlocks themselves"));
    }
    let mut changes = Changes::default();
    let (act, change) = match what {
        Care::Unlock => {
            custodian.wrong = 0;
            ("custodian-unlock", custodian.put(version)?)
        }
        Care::Remove => {
            let mut change = custodian.put(version)?;
            change.body = None;
            ("custodian-remove", change)
        }
    };
    changes.say(&names(officers), act, custodian.name.clone());
    changes.changes.push(change);
    Ok(changes)
}

fn names(people: &[&Present]) -> String {
    if people.is_empty() {
        return "nobody yet".to_owned();
    }
    let names: Vec<&str> = people.iter().map(|p| p.name()).collect();
    names.join(" and ")
}

/// Two different security officers.
pub fn two_officers(officers: &[&Present]) -> Result<(), KeysError> {
    for officer in officers {
        officer.check(Role::Officer)?;
    }
    match officers {
        [one, other] if id_of(&one.name) != id_of(&other.name) => Ok(()),
        _ => Err(ROLE.found("two different security officers are needed")),
    }
}
