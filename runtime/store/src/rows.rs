//! What a backend must keep: rows inside one transaction, nothing of the protocol.

use cardwright_ports::StoreError;
use cardwright_ports::pool::NewPooledKey;
use cardwright_ports::register::{Register, RegisterRow};
use cardwright_ports::store::{
    Approval, BundleRow, CardData, Identity, JobId, JobRow, MailerState, NewJob, NewOrder,
    OrderKey, OrderRow, OrderStatus, OutputName, RefusedRow, Tally, Why,
};

/// Rows of one open transaction. When the caller gives up, the backend forgets everything.
pub(crate) trait Rows {
    fn newest_bundle(&self, name: &str) -> Result<Option<BundleRow>, StoreError>;
    fn has_bundle(&self, digest: &str) -> Result<bool, StoreError>;
    fn put_bundle(&mut self, row: &BundleRow) -> Result<(), StoreError>;

    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError>;
    fn add_job(&mut self, at: i64, job: &NewJob) -> Result<JobId, StoreError>;
    fn job(&self, job: JobId) -> Result<JobRow, StoreError>;
    /// Writes state, epoch, fence and wrapped key.
    fn put_job(&mut self, row: &JobRow) -> Result<(), StoreError>;
    /// Removes a job with all that belongs to it.
    fn remove_job(&mut self, job: JobId) -> Result<(), StoreError>;

    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError>;
    fn free_identity(&mut self, key: OrderKey) -> Result<(), StoreError>;
    /// Adds order, record and identity.
    fn add_order(&mut self, order: &NewOrder) -> Result<(), StoreError>;
    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError>;
    fn put_status(&mut self, key: OrderKey, status: &OrderStatus) -> Result<(), StoreError>;
    fn put_mailer(
        &mut self,
        key: OrderKey,
        state: MailerState,
        copy: u32,
        why: Option<&Why>,
    ) -> Result<(), StoreError>;
    fn add_refused(&mut self, job: JobId, row: &RefusedRow) -> Result<(), StoreError>;

    /// The order and attempt that a chip serial is bound to.
    fn serial_owner(&self, serial: &str) -> Result<Option<(OrderKey, u32)>, StoreError>;
    fn bind_serial(&mut self, serial: &str, key: OrderKey, attempt: u32) -> Result<(), StoreError>;

    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError>;
    fn add_card_data(&mut self, key: OrderKey, data: &CardData) -> Result<(), StoreError>;

    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError>;
    fn add_approval(&mut self, approval: &Approval) -> Result<(), StoreError>;
    fn add_journal(&mut self, key: OrderKey, line: &str) -> Result<(), StoreError>;
    /// Adds to a sum, or begins it.
    fn add_tally(&mut self, job: JobId, tally: &Tally) -> Result<(), StoreError>;
    /// Gives a file the next number of its owner and format, unless it has one.
    fn number_file(&mut self, job: JobId, name: &OutputName) -> Result<(), StoreError>;
    /// Notes a file that came with its number; false where that number was there.
    fn take_file(&mut self, job: JobId, name: &OutputName, number: u64)
    -> Result<bool, StoreError>;

    fn register_row(&self, register: Register, id: &str)
    -> Result<Option<RegisterRow>, StoreError>;
    /// How often the list has changed.
    fn register_epoch(&self, register: Register) -> Result<u64, StoreError>;
    /// Notes that the list changes.
    fn next_register_epoch(&mut self, register: Register) -> Result<(), StoreError>;
    fn put_register_row(&mut self, row: &RegisterRow) -> Result<(), StoreError>;
    fn remove_register_row(&mut self, register: Register, id: &str) -> Result<(), StoreError>;

    /// Adds a key; false when its digest is there.
    fn add_pool_key(&mut self, key: &NewPooledKey) -> Result<bool, StoreError>;
    /// Marks a key as an order's and forgets its sealed parts; false when it is not unused.
    fn use_pool_key(&mut self, id: u64, key: OrderKey) -> Result<bool, StoreError>;
}
