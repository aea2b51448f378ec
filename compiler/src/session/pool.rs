//! All processors: things that know nothing of one another are made side by side. What comes of them
//! stands in the order of the things, whoever made it.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::LazyLock;

/// Stack of a thread: values that name values are worked out by recursion.
const STACK: usize = 16 << 20;

/// Its threads wait for work, and cost nothing until there is some.
static POOL: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let name = |n| format!("check-{n}");
    let pool = ThreadPoolBuilder::new().stack_size(STACK).thread_name(name);
    let pool = pool.build().ok()?;
    (pool.current_num_threads() > 1).then_some(pool)
});

/// Fewer things than these are made by the caller: to wake a thread costs more.
const FEW: usize = 4;

/// Makes something of each thing.
pub(crate) fn each<T: Sync, R: Send>(things: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    match &*POOL {
        Some(pool) if things.len() >= FEW => {
            pool.install(|| things.par_iter().map(&make).collect())
        }
        _ => things.iter().map(make).collect(),
    }
}
