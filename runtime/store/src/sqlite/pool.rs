//! Reading the pool of keys made ahead.

use super::{PAGE, SqliteStore, from_sql, int, list};
use cardwright_ports::StoreError;
use cardwright_ports::pool::{KeyPool, PoolLevel, PooledKey};
use rusqlite::params;

impl KeyPool for SqliteStore {
    fn pool_levels(&self) -> Result<Vec<PoolLevel>, StoreError> {
        let sql = "SELECT bits, exponent, COUNT(key), COUNT(*) - COUNT(key) FROM pool \
                   GROUP BY bits, exponent ORDER BY bits, exponent";
        self.read(|rows| {
            list(rows.0, sql, [], |r| {
                Ok(PoolLevel {
                    bits: r.get(0)?,
                    exponent: r.get(1)?,
                    unused: from_sql(r.get(2)?),
                    used: from_sql(r.get(3)?),
                })
            })
        })
    }

    fn pool_keys(
        &self,
        bits: u32,
        exponent: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PooledKey>, StoreError> {
        let sql = "SELECT id, key FROM pool WHERE bits = ?1 AND exponent = ?2 AND id > ?3 \
                   AND key IS NOT NULL ORDER BY id LIMIT ?4";
        let limit = i64::try_from(limit.min(PAGE)).unwrap_or(0);
        let values = params![bits, exponent, int(after)?, limit];
        self.read(|rows| {
            list(rows.0, sql, values, |r| {
                Ok(PooledKey {
                    id: from_sql(r.get(0)?),
                    key: r.get(1)?,
                })
            })
        })
    }
}
