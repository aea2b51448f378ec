//! What carries acts out: lanes that the composition makes from its drivers.

use super::effect::{Act, Event, Trouble};
use cardwright_ports::store::OrderRow;
use std::any::Any;

/// One order on its way through a wave, as the lanes see it.
pub struct Workpiece {
    /// The order as it was when its turn came.
    pub order: OrderRow,
    /// Blank and chip serial, once a card was fed.
    pub blank: Option<(u64, String)>,
    /// Whatever a lane wants to keep for this order between acts, such as its data. It may come
    /// back to another lane. Gone when the wave is over or the process ends.
    pub memo: Option<Box<dyn Any + Send>>,
    /// Checks that an act made, and whether the card passed them; the executor takes them away.
    pub checks: Vec<(String, bool)>,
}

impl Workpiece {
    /// A fresh one.
    pub fn new(order: OrderRow) -> Self {
        Self {
            order,
            blank: None,
            memo: None,
            checks: Vec::new(),
        }
    }
}

/// A worker's own tools: HSM session, buffers.
pub trait Lane: Send {
    /// Does one act and says what came of it. [`Act::Generate`] answers [`Event::Generated`] or [`Event::Kept`],
    /// [`Act::Feed`] answers [`Event::Fed`], the others [`Event::Did`]; all may answer
    /// [`Event::Failed`]. [`Act::CheckGate`] never comes here.
    fn perform(&mut self, work: &mut Workpiece, act: &Act) -> Event;

    /// Prints the mailers of several orders as one document; one event for each. The default
    /// prints one after the other. A letter that can't be drawn is [`Event::NotDrawn`]; the others
    /// go on.
    fn print_mailers(&mut self, batch: &mut [Workpiece]) -> Vec<Event> {
        batch
            .iter_mut()
            .map(|work| {
                let copy = work.order.mailer_copy;
                self.perform(work, &Act::PrintMailer { copy })
            })
            .collect()
    }
}

/// Makes lanes.
pub trait Hands: Send + Sync {
    /// A lane for one worker.
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Trouble>;

    /// Whether anything more may be begun: asked before each wave of cards and letters, and before
    /// the job's books are closed. What is under way is finished.
    fn may_go_on(&self) -> Result<(), Trouble> {
        Ok(())
    }

    /// Drops every card that stands in the machine into a bin; asked for once after an
    /// authorization, and noted in the audit log before. Gives the blanks.
    fn clear_line(&self) -> Result<Vec<u64>, Trouble>;

    /// Closes the books: asked for when every order is done or rejected, before the job ends and
    /// its key is destroyed. May be asked for again after a crash.
    fn finish(&self) -> Result<(), Trouble> {
        Ok(())
    }
}
