//! One step after another: who comes to the terminal, what they are asked, what they see.

use super::super::custodian::{said, somebody};
use super::super::forms::Forms;
use super::super::talk::Talk;
use super::super::time;
use crate::{
    commands::production::SystemClock,
    failure::{Failure, exit},
};
use cardwright_keys::{
    KeysError,
    ceremony::{Ceremony, Check, Conductor, HsmAct, Phase, Present, Role, Wanted, text, wanted},
};
use cardwright_ports::{Clock, SecretBytes};
use zeroize::Zeroizing;

/// What a person types to sign.
const CONFIRM: &str = "I confirm";
/// What a custodian types for a form that can't be read.
const SPOILED: &str = "spoiled";

/// The custodian at the terminal, while it is about their component.
struct Seat {
    number: u8,
    present: Present,
}

/// Goes on until the ceremony is over.
pub(super) fn go_on(
    conductor: &mut Conductor<'_>,
    id: &str,
    talk: &mut dyn Talk,
    forms: &mut Forms,
) -> Result<u8, Failure> {
    let mut seat: Option<Seat> = None;
    loop {
        let ceremony = conductor.ceremony(id).map_err(Failure::keys)?;
        let next = wanted(&ceremony);
        if let Some(old) = &seat
            && number_of(&next) != Some(old.number)
        {
            talk.clear();
            talk.tell(&format!(
                "Thank you, {}. Step away, please.",
                old.present.name()
            ));
            seat = None;
        }
        match next {
            Wanted::Officer { number, of } => {
                talk.tell(&format!(
                    "Security officer {number} of {of} comes to the terminal."
                ));
                come(conductor, id, talk, Role::Officer)?;
            }
            Wanted::Auditor => {
                talk.tell("The auditor comes to the terminal.");
                come(conductor, id, talk, Role::Auditor)?;
            }
            Wanted::Custodian { number } => {
                seat = Some(sit_down(conductor, &ceremony, talk, number)?);
            }
            Wanted::Draw { number } => {
                let there = there(conductor, &ceremony, talk, &mut seat, number)?;
                now(|at| conductor.draw(id, there, at))?;
            }
            Wanted::Print { number } => {
                let there = there(conductor, &ceremony, talk, &mut seat, number)?;
                talk.tell(&format!("Your form goes to {}.", forms.place()));
                let printed = conductor.print(id, there, forms, SystemClock.unix_seconds());
                if let Err(error) = printed {
                    // What is wrong with the printer people mend before they go on.
                    talk.tell(&said(&error));
                    return Err(Failure::keys(error));
                }
            }
            Wanted::Confirm { number } => {
                let there = there(conductor, &ceremony, talk, &mut seat, number)?;
                confirm(conductor, &ceremony, talk, there)?;
            }
            Wanted::Enter { number } => {
                let there = there(conductor, &ceremony, talk, &mut seat, number)?;
                enter(conductor, &ceremony, talk, there)?;
            }
            Wanted::Hsm(act) => hsm(conductor, id, talk, act)?,
            Wanted::Sign { name, role } => sign(conductor, &ceremony, talk, (&name, role))?,
            Wanted::Nothing => return Ok(over(&ceremony, talk)),
        }
    }
}

/// The component that a step is about.
fn number_of(wanted: &Wanted) -> Option<u8> {
    match wanted {
        Wanted::Draw { number }
        | Wanted::Print { number }
        | Wanted::Confirm { number }
        | Wanted::Enter { number } => Some(*number),
        _ => None,
    }
}

fn now(act: impl FnOnce(i64) -> Result<Ceremony, KeysError>) -> Result<Ceremony, Failure> {
    act(SystemClock.unix_seconds()).map_err(Failure::keys)
}

/// Lets an officer or the auditor in; somebody with another role is told and may step back.
fn come(
    conductor: &mut Conductor<'_>,
    id: &str,
    talk: &mut dyn Talk,
    role: Role,
) -> Result<(), Failure> {
    loop {
        let present = somebody(conductor, talk, None)?;
        match conductor.came(id, &present, role, SystemClock.unix_seconds()) {
            Ok(_) => return Ok(()),
            Err(error) if error.code == "R1378" => talk.tell(&said(&error)),
            Err(error) => return Err(Failure::keys(error)),
        }
    }
}

fn sit_down(
    conductor: &mut Conductor<'_>,
    ceremony: &Ceremony,
    talk: &mut dyn Talk,
    number: u8,
) -> Result<Seat, Failure> {
    talk.clear();
    talk.tell(&format!(
        "Component {number} of {}: custodian {number} comes to the terminal, alone. Everybody else steps away.",
        ceremony.parts.len()
    ));
    loop {
        let present = somebody(conductor, talk, None)?;
        let role = Role::Custodian(number);
        match conductor.came(&ceremony.id, &present, role, SystemClock.unix_seconds()) {
            Ok(_) => return Ok(Seat { number, present }),
            Err(error) if error.code == "R1378" => talk.tell(&said(&error)),
            Err(error) => return Err(Failure::keys(error)),
        }
    }
}

/// The holder of a component, who types the secret again after an interruption.
fn there<'s>(
    conductor: &Conductor<'_>,
    ceremony: &Ceremony,
    talk: &mut dyn Talk,
    seat: &'s mut Option<Seat>,
    number: u8,
) -> Result<&'s Present, Failure> {
    if seat.as_ref().is_none_or(|seat| seat.number != number) {
        let holder = ceremony
            .part(number)
            .map_err(Failure::keys)?
            .custodian
            .clone();
        let holder = holder.unwrap_or_default();
        talk.clear();
        talk.tell(&format!(
            "Component {number} of {}: {holder} comes to the terminal, alone. Everybody else steps away.",
            ceremony.parts.len()
        ));
        let present = somebody(conductor, talk, Some(&holder))?;
        *seat = Some(Seat { number, present });
    }
    seat.as_ref().map(|seat| &seat.present).ok_or_else(|| {
        Failure::new(
            exit::ENVIRONMENT,
            "R1379",
            "nobody is at the terminal",
            "go on with `continue`",
        )
    })
}

fn confirm(
    conductor: &mut Conductor<'_>,
    ceremony: &Ceremony,
    talk: &mut dyn Talk,
    there: &Present,
) -> Result<(), Failure> {
    let id = &ceremony.id;
    let Wanted::Confirm { number } = wanted(ceremony) else {
        return Ok(());
    };
    let form = ceremony.form(ceremony.part(number).map_err(Failure::keys)?);
    talk.tell(&format!(
        "Take form {form}. Look whether component and check value can be read, and show it to nobody."
    ));
    let typed = talk.ask(&format!(
        "Check value on the form, or `{SPOILED}` if it can't be read: "
    ))?;
    let at = SystemClock.unix_seconds();
    let done = match typed == SPOILED {
        true => conductor.spoiled(id, there, at),
        false => conductor.confirm(id, there, &typed, at),
    };
    let accepted = refused(done, talk)?;
    if typed == SPOILED {
        talk.tell("This form is void: destroy it before everybody's eyes. A new one follows.");
    } else if accepted {
        let _ =
            talk.ask("Seal the form in its envelope, sign across the flap, and press Enter: ")?;
    }
    Ok(())
}

/// Whether it was accepted. What a person may try again is told; what ends the work is given up.
fn refused(done: Result<Ceremony, KeysError>, talk: &mut dyn Talk) -> Result<bool, Failure> {
    match done {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.code, "R1372" | "R1373" | "R1376" | "R1381") => {
            talk.tell(&said(&error));
            Ok(false)
        }
        Err(error) => Err(Failure::keys(error)),
    }
}

fn enter(
    conductor: &mut Conductor<'_>,
    ceremony: &Ceremony,
    talk: &mut dyn Talk,
    there: &Present,
) -> Result<(), Failure> {
    let id = &ceremony.id;
    let octets = ceremony
        .key
        .key_algorithm()
        .map_err(Failure::keys)?
        .octets();
    let digits = octets.unwrap_or_default() * 2;
    let typed = talk.secret(&format!(
        "Component, {digits} hexadecimal digits, in groups if you like (nothing is shown): "
    ))?;
    let beside =
        talk.ask("Its check value, or Enter alone to type the component a second time: ")?;
    let at = SystemClock.unix_seconds();
    let clear = octets_of(&typed);
    let done = match (clear, beside.is_empty()) {
        (None, _) => conductor.mistyped(id, there, at),
        (Some(clear), false) => conductor.enter(id, there, (&clear, Check::Value(&beside)), at),
        (Some(clear), true) => {
            let again = talk.secret("The component again (nothing is shown): ")?;
            match octets_of(&again) {
                Some(again) => conductor.enter(id, there, (&clear, Check::Twice(&again)), at),
                None => conductor.mistyped(id, there, at),
            }
        }
    };
    refused(done, talk)?;
    Ok(())
}

/// The octets of typed digits; groups may be parted by spaces or hyphens.
fn octets_of(typed: &SecretBytes) -> Option<SecretBytes> {
    let kept = typed.expose().iter().filter(|b| !matches!(b, b' ' | b'-'));
    let digits: Zeroizing<Vec<u8>> = Zeroizing::new(kept.copied().collect());
    let mut octets = vec![0; digits.len() / 2];
    let read = hex::decode_to_slice(&*digits, &mut octets);
    let octets = SecretBytes::new(octets);
    read.ok().map(|()| octets)
}

fn hsm(
    conductor: &mut Conductor<'_>,
    id: &str,
    talk: &mut dyn Talk,
    act: HsmAct,
) -> Result<(), Failure> {
    talk.tell(match act {
        HsmAct::Combine => "All components are there. The HSM joins them.",
        HsmAct::Split => "The HSM takes the key apart.",
        HsmAct::Make => "The HSM makes the key pair.",
        HsmAct::Destroy => "The HSM destroys the key.",
    });
    match conductor.act(id, SystemClock.unix_seconds()) {
        Ok(ceremony) => {
            for value in &ceremony.check_values {
                talk.tell(&format!(
                    "{}: check value {} ({}). Write it down.",
                    ceremony.key.label(),
                    value.value,
                    value.method
                ));
            }
            Ok(())
        }
        Err(error) => {
            // Components that did not fit are typed again; what else is wrong ends the work here.
            let again = conductor.ceremony(id).map_err(Failure::keys)?;
            if again.phase == Phase::Components {
                talk.tell(&said(&error));
                talk.tell("Nobody can tell which component is wrong: all of them come again.");
                return Ok(());
            }
            Err(Failure::keys(error))
        }
    }
}

fn sign(
    conductor: &mut Conductor<'_>,
    ceremony: &Ceremony,
    talk: &mut dyn Talk,
    (name, role): (&str, Role),
) -> Result<(), Failure> {
    if ceremony.signatures.is_empty() {
        talk.tell(&text(ceremony, &time::shown));
        talk.tell("\nThis is the record. Everybody who took part signs it.");
    }
    talk.tell(&format!("{name} signs as {role}."));
    loop {
        let typed = talk.ask(&format!("Type `{CONFIRM}` if the record is right: "))?;
        if typed == CONFIRM {
            break;
        }
        talk.tell("Not signed. Whoever finds the record wrong has a security officer abandon the ceremony.");
    }
    let present = somebody(conductor, talk, Some(name))?;
    now(|at| conductor.sign(&ceremony.id, &present, at))?;
    Ok(())
}

fn over(ceremony: &Ceremony, talk: &mut dyn Talk) -> u8 {
    if ceremony.phase == Phase::Abandoned {
        talk.tell(&format!(
            "{} was given up; nothing of it counts.",
            ceremony.id
        ));
        return exit::FINDINGS;
    }
    talk.tell(&format!(
        "{} is done and signed. Print its record with `cardstation keys ceremony record {}`.",
        ceremony.id, ceremony.id
    ));
    0
}
