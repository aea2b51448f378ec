//! Rows over one SQLite connection; the caller has begun a transaction.

use super::{from_sql, int, list, one, stored};
use crate::codes::error;
use crate::rows::Rows;
use cardwright_ports::StoreError;
use cardwright_ports::pool::NewPooledKey;
use cardwright_ports::register::{Register, RegisterRow};
use cardwright_ports::store::{
    Approval, BundleRow, CardData, Identity, JobId, JobRow, JobState, MailerState, NewJob,
    NewOrder, OrderKey, OrderRow, OrderState, OrderStatus, OutputName, RefusedRow, Subject, Tally,
    TallyKind, Why,
};
use rusqlite::{Connection, Row, params};

pub(crate) struct SqlRows<'c>(pub(crate) &'c Connection);

pub(crate) const JOB_COLUMNS: &str = "id, name, bundle_digest, file_sha256, file_name, state, \
                                      epoch, fence, wrapped_key, opened_at";
pub(crate) const ORDER_COLUMNS: &str = "job, number, line, priority, product, state, epoch, \
    attempt, step, blank, serial, code, reason, mailer, mailer_copy, mailer_code, mailer_reason";

pub(crate) const REGISTER_COLUMNS: &str = "register, id, version, changed_at, body";

pub(crate) fn register_row(row: &Row<'_>) -> rusqlite::Result<RegisterRow> {
    Ok(RegisterRow {
        register: stored(Register::from_name(&row.get::<_, String>(0)?))?,
        id: row.get(1)?,
        version: from_sql(row.get(2)?),
        changed_at: row.get(3)?,
        body: row.get(4)?,
    })
}

pub(crate) fn bundle_row(row: &Row<'_>) -> rusqlite::Result<BundleRow> {
    Ok(BundleRow {
        digest: row.get(0)?,
        name: row.get(1)?,
        sequence: from_sql(row.get(2)?),
        loaded_at: row.get(3)?,
    })
}

pub(crate) fn job_row(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: from_sql(row.get(0)?),
        name: row.get(1)?,
        bundle_digest: row.get(2)?,
        file_sha256: row.get(3)?,
        file_name: row.get(4)?,
        state: stored(JobState::from_name(&row.get::<_, String>(5)?))?,
        epoch: from_sql(row.get(6)?),
        fence: from_sql(row.get(7)?),
        wrapped_key: row.get(8)?,
        opened_at: row.get(9)?,
    })
}

pub(crate) fn order_row(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
    Ok(OrderRow {
        key: OrderKey {
            job: from_sql(row.get(0)?),
            order: from_sql(row.get(1)?),
        },
        line: from_sql(row.get(2)?),
        priority: row.get(3)?,
        product: row.get(4)?,
        status: OrderStatus {
            state: stored(OrderState::from_name(&row.get::<_, String>(5)?))?,
            epoch: from_sql(row.get(6)?),
            attempt: row.get(7)?,
            step: row.get(8)?,
            blank: row.get::<_, Option<i64>>(9)?.map(from_sql),
            serial: row.get(10)?,
            code: row.get(11)?,
            reason: row.get(12)?,
        },
        mailer: stored(MailerState::from_name(&row.get::<_, String>(13)?))?,
        mailer_copy: row.get(14)?,
        mailer_why: match (row.get(15)?, row.get(16)?) {
            (Some(code), Some(reason)) => Some(Why { code, reason }),
            _ => None,
        },
    })
}

pub(crate) fn tally_row(row: &Row<'_>) -> rusqlite::Result<Tally> {
    Ok(Tally {
        kind: stored(TallyKind::from_name(&row.get::<_, String>(0)?))?,
        name: row.get(1)?,
        count: from_sql(row.get(2)?),
        failed: from_sql(row.get(3)?),
        total_us: from_sql(row.get(4)?),
        longest_us: from_sql(row.get(5)?),
    })
}

fn key_row(row: &Row<'_>) -> rusqlite::Result<OrderKey> {
    Ok(OrderKey {
        job: from_sql(row.get(0)?),
        order: from_sql(row.get(1)?),
    })
}

fn approval_row(row: &Row<'_>) -> rusqlite::Result<Approval> {
    Ok(Approval {
        key: key_row(row)?,
        subject: stored(Subject::from_name(&row.get::<_, String>(2)?))?,
        round: from_sql(row.get(3)?),
        decision: row.get(4)?,
        who: row.get(5)?,
        at: row.get(6)?,
    })
}

impl SqlRows<'_> {
    /// One row must change.
    fn put(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(super::failed)?;
        match statement.execute(values).map_err(super::failed)? {
            0 => Err(error("R1414", "no such row")),
            _ => Ok(()),
        }
    }
}

impl Rows for SqlRows<'_> {
    fn newest_bundle(&self, name: &str) -> Result<Option<BundleRow>, StoreError> {
        let sql = "SELECT digest, name, sequence, loaded_at FROM bundles WHERE name = ?1 \
                   ORDER BY sequence DESC LIMIT 1";
        one(self.0, sql, params![name], bundle_row)
    }

    fn has_bundle(&self, digest: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM bundles WHERE digest = ?1";
        Ok(one(self.0, sql, params![digest], |r| r.get::<_, i64>(0))?.is_some())
    }

    fn put_bundle(&mut self, row: &BundleRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO bundles VALUES (?1, ?2, ?3, ?4)";
        self.put(
            sql,
            params![row.digest, row.name, int(row.sequence)?, row.loaded_at],
        )
    }

    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError> {
        let sql = "SELECT id FROM jobs WHERE file_sha256 = ?1";
        one(self.0, sql, params![file_sha256], |r| {
            Ok(from_sql(r.get(0)?))
        })
    }

    fn add_job(&mut self, at: i64, job: &NewJob) -> Result<JobId, StoreError> {
        let sql = "INSERT INTO jobs (name, bundle_digest, file_sha256, file_name, state, epoch, \
                   fence, wrapped_key, opened_at) VALUES (?1, ?2, ?3, ?4, 'INTAKE', 0, 0, ?5, ?6)";
        self.put(
            sql,
            params![
                job.name,
                job.bundle_digest,
                job.file_sha256,
                job.file_name,
                job.wrapped_key,
                at
            ],
        )?;
        Ok(from_sql(self.0.last_insert_rowid()))
    }

    fn job(&self, job: JobId) -> Result<JobRow, StoreError> {
        let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?1");
        one(self.0, &sql, params![int(job)?], job_row)?
            .ok_or_else(|| error("R1414", format!("job {job}")))
    }

    fn put_job(&mut self, row: &JobRow) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET state = ?2, epoch = ?3, fence = ?4, wrapped_key = ?5 \
                   WHERE id = ?1";
        self.put(
            sql,
            params![
                int(row.id)?,
                row.state.name(),
                int(row.epoch)?,
                int(row.fence)?,
                row.wrapped_key
            ],
        )
    }

    fn remove_job(&mut self, job: JobId) -> Result<(), StoreError> {
        for table in [
            "records",
            "pictures",
            "identities",
            "refused",
            "journal",
            "tallies",
            "orders",
        ] {
            let sql = format!("DELETE FROM {table} WHERE job = ?1");
            let mut statement = self.0.prepare_cached(&sql).map_err(super::failed)?;
            statement
                .execute(params![int(job)?])
                .map_err(super::failed)?;
        }
        self.put("DELETE FROM jobs WHERE id = ?1", params![int(job)?])
    }

    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError> {
        let sql = "SELECT job, number FROM identities WHERE identity = ?1";
        one(self.0, sql, params![identity.as_slice()], key_row)
    }

    fn free_identity(&mut self, key: OrderKey) -> Result<(), StoreError> {
        let sql = "DELETE FROM identities WHERE job = ?1 AND number = ?2";
        let mut statement = self.0.prepare_cached(sql).map_err(super::failed)?;
        statement
            .execute(params![int(key.job)?, int(key.order)?])
            .map_err(super::failed)?;
        Ok(())
    }

    fn add_order(&mut self, order: &NewOrder) -> Result<(), StoreError> {
        let (job, number) = (int(order.key.job)?, int(order.key.order)?);
        let sql = "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, 'PLANNED', 0, 1, 0, NULL, NULL, \
                   NULL, NULL, ?6, 1, NULL, NULL)";
        self.put(
            sql,
            params![
                job,
                number,
                int(order.line)?,
                order.priority,
                order.product,
                order.mailer.name()
            ],
        )?;
        self.put(
            "INSERT INTO records VALUES (?1, ?2, ?3)",
            params![job, number, order.sealed],
        )?;
        for picture in &order.pictures {
            self.put(
                "INSERT INTO pictures VALUES (?1, ?2, ?3, ?4)",
                params![job, number, picture.digest.as_slice(), picture.sealed],
            )?;
        }
        self.put(
            "INSERT INTO identities VALUES (?1, ?2, ?3)",
            params![order.identity.as_slice(), job, number],
        )
    }

    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError> {
        let sql = format!("SELECT {ORDER_COLUMNS} FROM orders WHERE job = ?1 AND number = ?2");
        one(
            self.0,
            &sql,
            params![int(key.job)?, int(key.order)?],
            order_row,
        )?
        .ok_or_else(|| error("R1414", format!("order {} of job {}", key.order, key.job)))
    }

    fn put_status(&mut self, key: OrderKey, status: &OrderStatus) -> Result<(), StoreError> {
        let sql = "UPDATE orders SET state = ?3, epoch = ?4, attempt = ?5, step = ?6, blank = ?7, \
                   serial = ?8, code = ?9, reason = ?10 WHERE job = ?1 AND number = ?2";
        self.put(
            sql,
            params![
                int(key.job)?,
                int(key.order)?,
                status.state.name(),
                int(status.epoch)?,
                status.attempt,
                status.step,
                status.blank.map(int).transpose()?,
                status.serial,
                status.code,
                status.reason
            ],
        )
    }

    fn put_mailer(
        &mut self,
        key: OrderKey,
        state: MailerState,
        copy: u32,
        why: Option<&Why>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE orders SET mailer = ?3, mailer_copy = ?4, mailer_code = ?5, \
                   mailer_reason = ?6 WHERE job = ?1 AND number = ?2";
        self.put(
            sql,
            params![
                int(key.job)?,
                int(key.order)?,
                state.name(),
                copy,
                why.map(|w| w.code.as_str()),
                why.map(|w| w.reason.as_str())
            ],
        )
    }

    fn add_refused(&mut self, job: JobId, row: &RefusedRow) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO refused VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                int(job)?,
                int(row.line)?,
                row.reference,
                row.code,
                row.reason
            ],
        )
    }

    fn serial_owner(&self, serial: &str) -> Result<Option<(OrderKey, u32)>, StoreError> {
        let sql = "SELECT job, number, attempt FROM serials WHERE serial = ?1";
        one(self.0, sql, params![serial], |r| {
            Ok((key_row(r)?, r.get(2)?))
        })
    }

    fn bind_serial(&mut self, serial: &str, key: OrderKey, attempt: u32) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO serials VALUES (?1, ?2, ?3, ?4)",
            params![serial, int(key.job)?, int(key.order)?, attempt],
        )
    }

    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError> {
        let sql = "SELECT sealed, fingerprint FROM card_data WHERE job = ?1 AND number = ?2";
        one(self.0, sql, params![int(key.job)?, int(key.order)?], |r| {
            Ok(CardData {
                sealed: r.get(0)?,
                fingerprint: r.get(1)?,
                pooled: Vec::new(),
            })
        })
    }

    fn add_card_data(&mut self, key: OrderKey, data: &CardData) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO card_data VALUES (?1, ?2, ?3, ?4)",
            params![
                int(key.job)?,
                int(key.order)?,
                data.sealed,
                data.fingerprint.as_slice()
            ],
        )
    }

    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError> {
        let sql = "SELECT job, number, subject, round, decision, who, at FROM approvals \
                   WHERE job = ?1 AND number = ?2 ORDER BY id";
        list(
            self.0,
            sql,
            params![int(key.job)?, int(key.order)?],
            approval_row,
        )
    }

    fn add_approval(&mut self, approval: &Approval) -> Result<(), StoreError> {
        let sql = "INSERT INTO approvals (job, number, subject, round, decision, who, at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.put(
            sql,
            params![
                int(approval.key.job)?,
                int(approval.key.order)?,
                approval.subject.name(),
                int(approval.round)?,
                approval.decision,
                approval.who,
                approval.at
            ],
        )
    }

    fn add_journal(&mut self, key: OrderKey, line: &str) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO journal (job, number, line) VALUES (?1, ?2, ?3)",
            params![int(key.job)?, int(key.order)?, line],
        )
    }

    fn add_tally(&mut self, job: JobId, tally: &Tally) -> Result<(), StoreError> {
        let sql = "INSERT INTO tallies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                   ON CONFLICT (job, kind, name) DO UPDATE SET count = count + ?4, \
                   failed = failed + ?5, total_us = total_us + ?6, \
                   longest_us = max(longest_us, ?7)";
        self.put(
            sql,
            params![
                int(job)?,
                tally.kind.name(),
                tally.name,
                int(tally.count)?,
                int(tally.failed)?,
                int(tally.total_us)?,
                int(tally.longest_us)?
            ],
        )
    }

    fn take_file(
        &mut self,
        job: JobId,
        name: &OutputName,
        number: u64,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM file_numbers \
                   WHERE owner = ?1 AND format = ?2 AND number = ?3";
        let (format, number) = (incoming(&name.format), int(number)?);
        let known: Option<i64> = one(self.0, sql, params![name.owner, format, number], |r| {
            r.get(0)
        })?;
        if known.is_some() {
            return Ok(false);
        }
        let sql = "INSERT INTO file_numbers (owner, format, number, job, file) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        self.put(
            sql,
            params![name.owner, format, number, int(job)?, name.file],
        )?;
        Ok(true)
    }

    fn number_file(&mut self, job: JobId, name: &OutputName) -> Result<(), StoreError> {
        let sql = "INSERT INTO file_numbers (owner, format, number, job, file) \
                   SELECT ?1, ?2, COALESCE(MAX(number), 0) + 1, ?3, ?4 FROM file_numbers \
                   WHERE owner = ?1 AND format = ?2 \
                   ON CONFLICT (job, owner, format, file) DO UPDATE SET number = number";
        self.put(sql, params![name.owner, name.format, int(job)?, name.file])
    }

    fn register_row(
        &self,
        register: Register,
        id: &str,
    ) -> Result<Option<RegisterRow>, StoreError> {
        let sql =
            format!("SELECT {REGISTER_COLUMNS} FROM registers WHERE register = ?1 AND id = ?2");
        one(self.0, &sql, params![register.name(), id], register_row)
    }

    fn register_epoch(&self, register: Register) -> Result<u64, StoreError> {
        let sql = "SELECT epoch FROM register_epochs WHERE register = ?1";
        let epoch = one(self.0, sql, [register.name()], |r| r.get(0))?;
        Ok(epoch.map_or(0, from_sql))
    }

    fn next_register_epoch(&mut self, register: Register) -> Result<(), StoreError> {
        let sql = "INSERT INTO register_epochs (register, epoch) VALUES (?1, 1) \
                   ON CONFLICT (register) DO UPDATE SET epoch = epoch + 1";
        self.put(sql, params![register.name()])
    }

    fn put_register_row(&mut self, row: &RegisterRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO registers (register, id, version, changed_at, body) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (register, id) DO UPDATE \
                   SET version = ?3, changed_at = ?4, body = ?5";
        let version = int(row.version)?;
        let values = params![
            row.register.name(),
            row.id,
            version,
            row.changed_at,
            row.body
        ];
        self.put(sql, values)
    }

    fn remove_register_row(&mut self, register: Register, id: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM registers WHERE register = ?1 AND id = ?2";
        self.put(sql, params![register.name(), id])
    }

    fn add_pool_key(&mut self, key: &NewPooledKey) -> Result<bool, StoreError> {
        let sql = "INSERT INTO pool (bits, exponent, digest, key) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (digest) DO NOTHING";
        let values = params![key.bits, key.exponent, key.digest.as_slice(), key.key];
        let mut statement = self.0.prepare_cached(sql).map_err(super::failed)?;
        Ok(statement.execute(values).map_err(super::failed)? == 1)
    }

    fn use_pool_key(&mut self, id: u64, key: OrderKey) -> Result<bool, StoreError> {
        let sql = "UPDATE pool SET key = NULL, job = ?2, number = ?3 \
                   WHERE id = ?1 AND key IS NOT NULL";
        let values = params![int(id)?, int(key.job)?, int(key.order)?];
        let mut statement = self.0.prepare_cached(sql).map_err(super::failed)?;
        Ok(statement.execute(values).map_err(super::failed)? == 1)
    }
}

/// Files that came stand beside those that were written, under a name that no format has.
pub(super) fn incoming(format: &str) -> String {
    format!("<{format}")
}
