//! Card content: what is deleted, load files, instances, the issuer's own keys, the life cycle
//! (GlobalPlatform Card Specification 2.3.1, chapter 11).
//!
//! A card on which this fails is rejected and another blank is taken: nothing is deleted or tried
//! again on a card that is half loaded.

use crate::{
    StationError,
    content_data::{self, counted, joined, octets, wrong},
    perso::{PersoCount, channel_spec, diversification, send},
};
use cardwright_bundle::{Application, Chip, Deletion, Install, LoadFile, NewKeys};
use cardwright_ports::{
    CardChannel, HsmSession,
    hsm::{ChannelId, ChannelSpec, Draw, NewCardKeys},
};
use cardwright_runtime::{Loaded, datagen::CardData, plan::BoundKeys};
use cardwright_standards::globalplatform::clear_octets_max;

/// AID of the issuer security domain.
const ISSUER_DOMAIN: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

/// A card whose content is managed.
pub(crate) struct Manager<'m> {
    pub(crate) loaded: &'m Loaded,
    pub(crate) keys: &'m BoundKeys,
    pub(crate) session: &'m mut dyn HsmSession,
    pub(crate) card: &'m mut dyn CardChannel,
    pub(crate) count: &'m mut PersoCount,
}

impl Manager<'_> {
    /// Deletes, loads packages and makes the instances that the order's card has, before anything is
    /// personalized.
    pub(crate) fn before(
        &mut self,
        chip: &Chip,
        data: &CardData,
        draw: &Draw<'_>,
    ) -> Result<(), StationError> {
        let mut wanted: Vec<(&Application, &Install)> = Vec::new();
        for application in &chip.applications {
            if let (Some(install), Some(_)) = (&application.install, data.of(application)?) {
                wanted.push((application, install));
            }
        }
        let content = &chip.content;
        let nothing = wanted.is_empty() && content.delete.is_empty() && content.load.is_empty();
        let (Some(channel), false) = (&chip.channel, nothing) else {
            return Ok(());
        };
        let spec = channel_spec(chip, channel, self.keys)?;
        self.in_domain(&spec, draw, |manager, open| {
            for deletion in &content.delete {
                manager.delete(open, deletion)?;
            }
            for file in &content.load {
                manager.load(&spec, open, file)?;
            }
            for (application, install) in &wanted {
                manager.instance(open, application, install)?;
            }
            match wanted.is_empty() {
                true => Ok(()),
                false => manager.registered(open, &wanted),
            }
        })
    }

    /// Final keys and life cycle, after everything is personalized.
    pub(crate) fn after(&mut self, chip: &Chip, draw: &Draw<'_>) -> Result<(), StationError> {
        let content = &chip.content;
        let nothing = content.keys.is_none() && content.life_cycle.is_none();
        let (Some(channel), false) = (&chip.channel, nothing) else {
            return Ok(());
        };
        let spec = channel_spec(chip, channel, self.keys)?;
        self.in_domain(&spec, draw, |manager, open| {
            if let Some(keys) = &content.keys {
                manager.put_keys(open, keys)?;
            }
            match content.life_cycle.as_deref() {
                Some("initialized") => manager.life_cycle(open, 0x07),
                Some("secured") => manager.life_cycle(open, 0x0F),
                _ => Ok(()),
            }
        })
    }

    /// SET STATUS of the card (11.10), a step at a time from the state that GET STATUS tells: ready
    /// 01, initialized 07, secured 0F (5.1.1).
    fn life_cycle(&mut self, channel: ChannelId, wanted: u8) -> Result<(), StationError> {
        let status = [0x80, 0xF2, 0x80, 0x02];
        let listed = self.command(channel, status, &[0x4F, 0x00], "GET STATUS")?;
        // 9F70 01 is the state's tag and length.
        let mut at = listed.windows(4);
        let now = at.find_map(|w| match w {
            [0x9F, 0x70, 0x01, state] => Some(*state),
            _ => None,
        });
        let now = now.ok_or_else(|| wrong("the card does not tell its life cycle"))?;
        for step in [0x07, 0x0F]
            .into_iter()
            .filter(|s| *s > now && *s <= wanted)
        {
            self.command(channel, [0x80, 0xF0, 0x80, step], &[], "SET STATUS")?;
        }
        Ok(())
    }

    /// Selects the issuer security domain and opens a channel for what is done there.
    fn in_domain(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
        act: impl FnOnce(&mut Self, ChannelId) -> Result<(), StationError>,
    ) -> Result<(), StationError> {
        let select = [&[0x00, 0xA4, 0x04, 0x00, 0x08][..], &ISSUER_DOMAIN, &[0x00]];
        let answer = send(self.card, &select.concat(), self.count)?;
        fine(&answer, "SELECT of the issuer security domain")?;
        let (channel, initialize) = self.session.begin_channel(spec, draw)?;
        let result = (|| {
            let answer = send(self.card, &initialize, self.count)?;
            let authenticate = self.session.authenticate_channel(channel, &answer)?;
            let answer = send(self.card, &authenticate, self.count)?;
            fine(&answer, "EXTERNAL AUTHENTICATE")?;
            act(self, channel)
        })();
        self.session.close_channel(channel);
        result
    }

    fn command(
        &mut self,
        channel: ChannelId,
        header: [u8; 4],
        data: &[u8],
        what: &str,
    ) -> Result<Vec<u8>, StationError> {
        let mut command = header.to_vec();
        if !data.is_empty() {
            let length = u8::try_from(data.len()).map_err(|_| wrong("a command too long"))?;
            command.push(length);
            command.extend_from_slice(data);
        }
        command.push(0x00);
        let wrapped = self.session.wrap(channel, &command)?;
        let answer = send(self.card, &wrapped, self.count)?;
        let answer = self.session.unwrap(channel, &answer)?;
        fine(&answer, what)
    }

    /// DELETE (11.2); P2 80 takes along what depends on it.
    fn delete(&mut self, channel: ChannelId, deletion: &Deletion) -> Result<(), StationError> {
        let data = [vec![0x4F], counted(&octets(&deletion.aid)?)?].concat();
        let p2 = if deletion.related { 0x80 } else { 0x00 };
        let what = format!("DELETE of {}", deletion.aid);
        self.command(channel, [0x80, 0xE4, 0x00, p2], &data, &what)?;
        Ok(())
    }

    /// INSTALL [for load] (11.5.2.3.1) and the LOAD commands (11.6).
    fn load(
        &mut self,
        spec: &ChannelSpec,
        channel: ChannelId,
        load: &LoadFile,
    ) -> Result<(), StationError> {
        let bundle = self.loaded.bundle();
        let data = joined(&content_data::install_for_load(bundle, load)?);
        let file = joined(&content_data::load_blocks(bundle, load)?);
        let header = [0x80, 0xE6, 0x02, 0x00];
        self.command(channel, header, &data, "INSTALL [for load]")?;
        let room = clear_octets_max(spec.protocol, spec.security_level);
        let pieces: Vec<&[u8]> = file.chunks(room.max(1)).collect();
        let count = pieces.len();
        for (number, piece) in pieces.into_iter().enumerate() {
            let p1 = if number + 1 == count { 0x80 } else { 0x00 };
            let p2 = u8::try_from(number).map_err(|_| wrong("more than 256 LOAD commands"))?;
            self.command(channel, [0x80, 0xE8, p1, p2], piece, "LOAD")?;
        }
        Ok(())
    }

    /// INSTALL [for install and make selectable] (11.5.2.3.2).
    fn instance(
        &mut self,
        channel: ChannelId,
        application: &Application,
        install: &Install,
    ) -> Result<(), StationError> {
        let data = joined(&content_data::install(application, install)?);
        let what = format!("INSTALL of `{}`", application.name);
        self.command(channel, [0x80, 0xE6, 0x0C, 0x00], &data, &what)?;
        Ok(())
    }

    /// GET STATUS (11.4): the registry lists every new instance.
    fn registered(
        &mut self,
        channel: ChannelId,
        wanted: &[(&Application, &Install)],
    ) -> Result<(), StationError> {
        for (application, _) in wanted {
            let aid = [vec![0x4F], counted(&octets(&application.aid)?)?].concat();
            let header = [0x80, 0xF2, 0x40, 0x02];
            let listed = self.command(channel, header, &aid, "GET STATUS")?;
            if !listed.windows(aid.len()).any(|window| window == aid) {
                return Err(StationError::new(
                    "R1215",
                    format!("the card's registry does not list `{}`", application.name),
                    "the card is rejected; ask its maker what INSTALL came to",
                ));
            }
        }
        Ok(())
    }

    /// PUT KEY (11.8); the card proves with check values that it took the right ones.
    fn put_keys(&mut self, channel: ChannelId, keys: &NewKeys) -> Result<(), StationError> {
        let new = NewCardKeys {
            key: self.keys.get(keys.key)?,
            diversification: diversification(&keys.diversification)?,
            version: keys.version,
        };
        let (data, expected) = self.session.put_card_keys(channel, &new)?;
        let header = [0x80, 0xD8, keys.replaces, 0x81];
        let found = self.command(channel, header, &data, "PUT KEY")?;
        if found != expected {
            return Err(StationError::new(
                "R1216",
                "the card's check values of its new keys are wrong",
                "the card is rejected; stop when it happens again: the key may be another one",
            ));
        }
        Ok(())
    }
}

/// The answer's data, when its status word is 9000.
fn fine(answer: &[u8], what: &str) -> Result<Vec<u8>, StationError> {
    match answer.split_last_chunk::<2>() {
        Some((data, [0x90, 0x00])) => Ok(data.to_vec()),
        Some((_, [a, b])) => Err(StationError::new(
            "R1210",
            format!("the card answers {what} with {a:02X}{b:02X}"),
            "see the status word's meaning with `cardwright explain`; the card is rejected",
        )),
        None => Err(StationError::new(
            "R1211",
            format!("the card answers {what} with less than a status word"),
            "the card is rejected",
        )),
    }
}
