//! A set of keyed hashes in a temporary database: SQLite keeps it in a file of its own without a
//! name and removes it with the connection, also after a crash.

use super::failed;
use crate::site_key::SiteKey;
use cardwright_ports::StoreError;
use cardwright_ports::store::Seen;
use rusqlite::{Connection, params};

/// Hashes that come between two commits of the temporary database.
const BATCH: u32 = 10_000;

pub(super) struct SeenOnDisk<'s> {
    key: &'s SiteKey,
    connection: Connection,
    noted: u32,
}

impl<'s> SeenOnDisk<'s> {
    pub(super) fn new(key: &'s SiteKey) -> Result<Self, StoreError> {
        // An empty name is a private file in the temporary folder. Nothing of it must survive, so
        // that neither journal nor sync is wanted; the cache is half a megabyte.
        let connection = Connection::open("").map_err(failed)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -512; \
                 CREATE TABLE seen (hash BLOB PRIMARY KEY) WITHOUT ROWID; BEGIN;",
            )
            .map_err(failed)?;
        Ok(Self {
            key,
            connection,
            noted: 0,
        })
    }
}

impl Seen for SeenOnDisk<'_> {
    fn note(&mut self, material: &[u8]) -> Result<bool, StoreError> {
        // Keyed with the site's secret: a bare hash of a card number can be turned back.
        let hash = self.key.identity(material);
        let added = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)")
            .and_then(|mut statement| statement.execute(params![hash.get(..16)]))
            .map_err(failed)?;
        self.noted += 1;
        if self.noted.is_multiple_of(BATCH) {
            let sql = "COMMIT; BEGIN;";
            self.connection.execute_batch(sql).map_err(failed)?;
        }
        Ok(added == 1)
    }
}
