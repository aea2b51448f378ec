//! The end of a job: output files and carriers, written before the job's key is destroyed.

use super::Line;
use crate::{
    StationError, faces,
    outputs::{Finished, OutputFiles},
    pages::{Page, PageOf, Pages, Revealer},
    report::{Picture, write_whole},
};
use cardwright_bundle::FaceSide;
use cardwright_ports::store::{
    AuditEntry, Batch, Change, OrderKey, OrderQuery, OrderRow, OrderState, OutputName,
};
use cardwright_ports::{HsmSession, SecretBytes};
use cardwright_runtime::{Value, datagen::CardData, intake::Record, plan::RunFacts};

/// Orders that are read at a time.
const PAGE: usize = 250;
/// Orders that the files' secrets are asked for together.
const TOGETHER: usize = 64;
const CARRIERS_PER_DOCUMENT: usize = 50;
const SHEETS_PER_DOCUMENT: usize = 20;
/// What was written, for the report.
pub(super) const WRITTEN: &str = ".written.json";
const PICTURE_DPI: u32 = 110;

/// A carrier that can't be drawn.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct NotDrawn {
    pub(super) order: u64,
    pub(super) code: String,
    pub(super) reason: String,
}

/// Address labels that wait for their sheets to be full.
struct LabelSheets<'a> {
    layout: Pages<'a>,
    pages: Vec<Page>,
    documents: usize,
}

impl<'a> LabelSheets<'a> {
    fn new(layout: Pages<'a>) -> Self {
        Self {
            layout,
            pages: Vec::new(),
            documents: 0,
        }
    }

    /// Whether a document's worth of labels waits. On the first sheet some labels may be gone, so
    /// the first document can end in a sheet that is not full.
    fn is_full(&self) -> bool {
        self.pages.len() >= self.layout.to_a_sheet().saturating_mul(SHEETS_PER_DOCUMENT)
    }
}

/// A produced order, opened for the files of the job's end.
struct Opened {
    row: OrderRow,
    data: CardData,
    record: Record,
    facts: RunFacts,
}

impl Opened {
    fn page(&self) -> PageOf<'_> {
        PageOf {
            fields: &self.record,
            facts: &self.facts,
            order: self.row.key.order,
            draws: &self.data.draws,
        }
    }
}

/// What is written at a job's end.
struct Ending<'e, 'a> {
    line: &'e Line<'a>,
    session: Box<dyn HsmSession>,
    label: String,
    files: OutputFiles<'e>,
    carrier: Option<Pages<'a>>,
    labels: Option<LabelSheets<'a>>,
    carriers: Vec<(u64, Page)>,
    written: u64,
    left_out: Vec<NotDrawn>,
    pictures: Vec<Picture>,
}

impl Ending<'_, '_> {
    /// Adds orders to everything that they belong in: the HSM is asked for all of them together.
    fn add(&mut self, orders: &[Opened]) -> Result<(), StationError> {
        let line = self.line;
        let mut finished = Vec::with_capacity(orders.len());
        for opened in orders {
            finished.push(Finished {
                fields: &opened.record,
                facts: &opened.facts,
                card: line.made(&opened.row.product)?.card,
                data: &opened.data,
                job: &self.label,
                order: opened.row.key.order,
            });
        }
        let session = self.session.as_mut();
        self.files.add_all(&finished, session)?;
        let asked: Vec<PageOf<'_>> = orders.iter().map(Opened::page).collect();
        if let Some(layout) = &self.carrier {
            let pages = layout.make_all(&asked, session, &self.label);
            for (page, opened) in pages.into_iter().zip(orders) {
                self.carriers.push((opened.row.key.order, page?));
                self.written += 1;
                if self.carriers.len() >= CARRIERS_PER_DOCUMENT {
                    self.left_out
                        .extend(line.print_carriers(&mut self.carriers)?);
                }
            }
        }
        if let Some(sheets) = &mut self.labels {
            let pages = sheets.layout.make_all(&asked, session, &self.label);
            for page in pages {
                sheets.pages.push(page?);
                if sheets.is_full() {
                    line.print_labels(sheets)?;
                }
            }
        }
        if let (true, Some(first)) = (self.pictures.is_empty(), orders.first()) {
            self.pictures = line.pictures(first)?;
        }
        Ok(())
    }
}

impl<'a> Line<'a> {
    /// Writes the bank's files and the carriers; once, before the job's key is destroyed.
    pub(crate) fn write_files(&self) -> Result<(), StationError> {
        let parts = &self.parts;
        let folder = parts.out.join("files");
        let numbers = |format: &str, file: &str| self.file_number(format, file);
        let pages = |name: &Option<String>| -> Result<Option<Pages<'a>>, StationError> {
            let named = name.as_ref();
            let pages = named.map(|name| Pages::new(parts.loaded, name, &self.keys));
            pages.transpose()
        };
        let mut ending = Ending {
            line: self,
            session: parts.hsm.open_session()?,
            label: self.draw_label(),
            files: OutputFiles::numbered(&folder, parts.loaded, parts.job, &self.keys, &numbers)?,
            carrier: pages(&parts.job.carrier)?,
            labels: pages(&parts.job.labels)?.map(LabelSheets::new),
            carriers: Vec::new(),
            written: 0,
            left_out: Vec::new(),
            pictures: Vec::new(),
        };
        let shown = ending.carrier.as_ref().is_some_and(Pages::shows_pictures);
        let mut waiting: Vec<Opened> = Vec::with_capacity(TOGETHER);
        self.each_done(&mut |row| {
            waiting.push(self.opened(row, shown)?);
            if waiting.len() >= TOGETHER {
                ending.add(&waiting)?;
                waiting.clear();
            }
            Ok(())
        })?;
        ending.add(&waiting)?;
        let left = self.print_carriers(&mut ending.carriers)?;
        ending.left_out.extend(left);
        if let Some(sheets) = &mut ending.labels {
            self.print_labels(sheets)?;
        }
        let (written, left_out) = (ending.written, ending.left_out);
        let (files, pictures) = (ending.files.finish()?, ending.pictures);
        for (at, picture) in pictures.iter().enumerate() {
            write_whole(&parts.out.join(format!(".picture-{at}.png")), &picture.png)?;
        }
        let summary = serde_json::json!({
            "carriers": written - left_out.len() as u64,
            "carriers_not_drawn": left_out,
            "files": files,
            "pictures": pictures.iter().map(|p| &p.title).collect::<Vec<_>>(),
        });
        write_whole(&parts.out.join(WRITTEN), summary.to_string().as_bytes())
    }

    /// An order, with its pictures only where the carrier shows them.
    fn opened(&self, row: OrderRow, shown: bool) -> Result<Opened, StationError> {
        let data = self.card_data(row.key)?.ok_or_else(|| {
            StationError::new("R1107", "a card's data are gone", "restore the job")
        })?;
        let record = self.record_for(shown, row.key)?;
        let mut facts = self.facts(row.key.order);
        facts.set("result", Value::Text("produced".into()));
        let serial = row.status.serial.clone().unwrap_or_default();
        facts.set("serial", Value::Text(serial));
        Ok(Opened {
            row,
            data,
            record,
            facts,
        })
    }

    /// The number of a file among all of its format: taken from the store before the file is
    /// written, and found there again when the job is ended once more after a crash.
    fn file_number(&self, format: &str, file: &str) -> Result<u64, StationError> {
        let parts = &self.parts;
        let (store, job) = (parts.store, parts.row.id);
        let name = OutputName {
            owner: parts.loaded.content().name.clone(),
            format: format.to_owned(),
            file: file.to_owned(),
        };
        if let Some(number) = store.file_number(job, &name)? {
            return Ok(number);
        }
        store.commit(&Batch {
            at: parts.clock.unix_seconds(),
            require: None,
            audit: vec![AuditEntry {
                actor: "engine".to_owned(),
                act: "number_file".to_owned(),
                key: OrderKey { job, order: 0 },
                detail: format!("{format} {file}"),
            }],
            changes: vec![Change::NumberFile(job, name.clone())],
        })?;
        store.file_number(job, &name)?.ok_or_else(|| {
            StationError::new(
                "R1401",
                "the store gave a file no number",
                "look at the store's disk, then resume the job",
            )
        })
    }

    fn each_done(
        &self,
        visit: &mut dyn FnMut(OrderRow) -> Result<(), StationError>,
    ) -> Result<(), StationError> {
        let mut after = 0;
        loop {
            let query = OrderQuery {
                states: vec![OrderState::Done],
                mailer: None,
                after,
                limit: PAGE,
            };
            let rows = self.parts.store.orders(self.parts.row.id, &query)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.key.order;
            rows.into_iter().try_for_each(&mut *visit)?;
        }
    }

    /// Prints the carriers that wait, and gives those that can't be drawn: they hold up neither the
    /// others nor the job, since their cards have left.
    fn print_carriers(
        &self,
        carriers: &mut Vec<(u64, Page)>,
    ) -> Result<Vec<NotDrawn>, StationError> {
        let mut left_out = Vec::new();
        let document = match self.draw(carriers) {
            Ok(document) => document,
            Err(_) => {
                carriers.retain(|carrier| match self.draw(std::slice::from_ref(carrier)) {
                    Ok(_) => true,
                    Err(error) => {
                        left_out.push(NotDrawn {
                            order: carrier.0,
                            code: error.code.to_owned(),
                            reason: error.what,
                        });
                        false
                    }
                });
                self.draw(carriers)?
            }
        };
        if let (Some((first, _)), Some((last, _))) = (carriers.first(), carriers.last()) {
            let layout = self.parts.job.carrier.as_deref().unwrap_or("carrier");
            let name = format!("{layout}-{first:06}-{last:06}.pdf");
            let path = self.parts.out.join("carriers").join(name);
            write_whole(&path, document.expose())?;
        }
        carriers.clear();
        Ok(left_out)
    }

    fn draw(&self, carriers: &[(u64, Page)]) -> Result<SecretBytes, StationError> {
        if carriers.is_empty() {
            return Ok(SecretBytes::new(Vec::new()));
        }
        let sheets: Vec<_> = carriers
            .iter()
            .flat_map(|(_, page)| page.sheets())
            .collect();
        let mut session = self.parts.hsm.open_session()?;
        let pages = carriers.iter().map(|(_, page)| page);
        let mut revealer = Revealer::new(pages, session.as_mut());
        let paper = self.parts.paper;
        Ok(paper.pdf(&self.stationery, &sheets, &mut revealer)?)
    }

    fn print_labels(&self, labels: &mut LabelSheets<'_>) -> Result<(), StationError> {
        if labels.pages.is_empty() {
            return Ok(());
        }
        let pages = std::mem::take(&mut labels.pages);
        let sheets = labels.layout.imposed(pages, labels.documents == 0);
        labels.documents += 1;
        let layout = self.parts.job.labels.as_deref().unwrap_or("labels");
        let name = format!("{layout}-{:03}.pdf", labels.documents);
        let mut session = self.parts.hsm.open_session()?;
        // Labels have no PIN: a page that asks for one is refused.
        let mut revealer = Revealer::new(std::iter::empty(), session.as_mut());
        let document = self
            .parts
            .paper
            .pdf(&self.stationery, &sheets, &mut revealer)?;
        write_whole(&self.parts.out.join("labels").join(name), document.expose())
    }

    /// Both faces of a card and its letter, with everything masked that a report may not show.
    fn pictures(&self, first: &Opened) -> Result<Vec<Picture>, StationError> {
        let (row, data) = (&first.row, &first.data);
        let made = self.made(&row.product)?;
        let mut pictures = Vec::new();
        for (side, title) in [(FaceSide::Front, "front"), (FaceSide::Back, "back")] {
            let look = faces::Look {
                fields: &faces::Nothing,
                record: &self.parts.job.record,
                hide: true,
            };
            if let Some(sheet) = faces::face(made.card, side, data, &look)? {
                let png = self
                    .parts
                    .paper
                    .picture(&self.stationery, &sheet, 3 * PICTURE_DPI)?;
                pictures.push(Picture {
                    title: format!("{} face", title),
                    png,
                });
            }
        }
        if let Some(mailer) = &self.parts.job.mailer {
            let layout = Pages::new(self.parts.loaded, &mailer.layout, &self.keys)?;
            let mut session = self.parts.hsm.open_session()?;
            let record = self.record_for(layout.shows_pictures(), row.key)?;
            let facts = self.facts(row.key.order);
            let label = self.draw_label();
            let session = session.as_mut();
            let asked = PageOf {
                fields: &record,
                facts: &facts,
                order: row.key.order,
                draws: &data.draws,
            };
            let page = layout.make(&asked, session, &label)?;
            let sheet = faces::without_pictures(page.sheet);
            let png = self
                .parts
                .paper
                .picture(&self.stationery, &sheet, PICTURE_DPI)?;
            pictures.push(Picture {
                title: "PIN letter".into(),
                png,
            });
        }
        Ok(pictures)
    }
}
