//! Lines of a ladder about registrations elsewhere, how peers stand, and who is banned.

use core::net::IpAddr;

use engine::control::{Answer, Ask, Happening, Summary, Waiting};

use engine::{Ban, BanOrder};

use super::Line;
use crate::rows;
use crate::world::World;

/// Does or checks what such a line says.
pub(crate) fn order(world: &mut World, word: &str, line: &Line) -> Result<(), String> {
    let id = rows::id_of(line.word(1));
    match word {
        "ban" => ban(world, line),
        "register-now" => {
            let answers = world.ask(&Ask::RegisterNow { connection: id.as_str().into() });
            match answers.iter().any(|answer| matches!(answer, Answer::Done)) {
                true => Ok(()),
                false => Err("no shard registers there".to_owned()),
            }
        }
        "woken" if line.word(1) == "nobody" => match world.woken.first() {
            Some(address) => Err(format!("{address} was")),
            None => Ok(()),
        },
        "woken" if world.woken.is_empty() => Err("nobody was woken".to_owned()),
        "woken" => match world.woken.remove(0) {
            address if *address == *line.word(1) => Ok(()),
            other => Err(format!("{other} was")),
        },
        "waiting" => {
            let count = |place| line.word(place).parse().unwrap_or_default();
            let waiting = Waiting { new: count(2), old: count(3) };
            let unsolicited = line.word(4) == "unsolicited";
            let connection = id.as_str().into();
            world.ask(&Ask::MessagesWaiting(vec![Summary { connection, waiting, unsolicited }]));
            Ok(())
        }
        "rehearse" => {
            let seconds = line.word(2).parse::<u32>().ok().map(|minutes| minutes * 60);
            let answers = world.ask(&Ask::Rehearse { connection: id.as_str().into(), seconds });
            match answers.iter().any(|answer| matches!(answer, Answer::Done)) {
                true => Ok(()),
                false => Err("no shard is its home".to_owned()),
            }
        }
        "status" => {
            let answers = world.ask(&Ask::Status { connections: vec![id.as_str().into()] });
            let views: Vec<_> = answers
                .into_iter()
                .flat_map(|answer| if let Answer::Status(views) = answer { views } else { Vec::new() })
                .collect();
            let [view] = views.as_slice() else { return Err(format!("{} shards say so", views.len())) };
            let code = view.last_response.as_ref().map_or(0, |last| last.code).to_string();
            let problem = view.problem.as_deref().unwrap_or_default();
            let planned = view.next_attempt_at.is_some().to_string();
            let wanted = line.settings(3);
            let other = wanted.iter().find(|(key, value)| match *key {
                "code" => *value != code,
                "planned" => *value != planned,
                "problem" => !problem.contains(value),
                _ => true,
            });
            match other {
                _ if view.state != line.word(2) => Err(format!("it is {}: {view:?}", view.state)),
                Some((key, value)) => Err(format!("{key} is not {value}: {view:?}")),
                None => Ok(()),
            }
        }
        "used" => used(world, &id, line),
        "logged" => {
            let of_it = world.log.iter().filter(|row| *row.connection == *id);
            let events: Vec<_> = of_it.map(|row| row.event).collect();
            let wanted: Vec<_> = (2..).map(|n| line.word(n)).take_while(|word| !word.is_empty()).collect();
            if events == wanted { Ok(()) } else { Err(format!("logged: {events:?}")) }
        }
        _ => {
            let events = world.announced.iter().filter_map(|event| told(&event.what, &id));
            let events: Vec<_> = events.collect();
            let wanted: Vec<_> = (2..).map(|n| line.word(n)).take_while(|word| !word.is_empty()).collect();
            if events == wanted { Ok(()) } else { Err(format!("announced: {events:?}")) }
        }
    }
}

/// Somebody bans an address, without end or for some time.
fn ban(world: &mut World, line: &Line) -> Result<(), String> {
    let address: IpAddr = line.word(1).parse().map_err(|_| "whom?")?;
    let until = match line.word(2) {
        "" => None,
        time => Some(world.now() + super::parse::duration(time)?),
    };
    let ban = Ban {
        id: format!("ban_{address}").into(),
        network: address.into(),
        allow: false,
        reason: "".into(),
        evidence: None,
        at: world.now(),
        until,
        by: "key_1".into(),
    };
    world.ask(&Ask::Bans(BanOrder::Put(Box::new(ban))));
    Ok(())
}

/// How much of limits is used.
fn used(world: &mut World, id: &str, line: &Line) -> Result<(), String> {
    let answers = match line.word(1) {
        "system" => world.ask(&Ask::LimitsUsed { accounts: Vec::new(), installation: true }),
        "account" => world.ask(&Ask::LimitsUsed { accounts: vec!["acc_main".into()], installation: false }),
        _ => world.ask(&Ask::Status { connections: vec![id.into()] }),
    };
    let of_answer = |answer| match answer {
        Answer::LimitsUsed(found) => found.into_iter().flat_map(|(_, usage)| usage).collect(),
        Answer::Status(views) => views.into_iter().flat_map(|view| view.limits).collect(),
        _ => Vec::new(),
    };
    let usage: Vec<_> = answers.into_iter().flat_map(of_answer).collect();
    for (limit, wanted) in line.settings(2) {
        let found: Vec<_> = usage.iter().filter(|usage| usage.limit == limit).collect();
        if !matches!(found.as_slice(), [found] if found.used.to_string() == wanted) {
            return Err(format!("{limit} is not {wanted}: {usage:?}"));
        }
    }
    Ok(())
}

/// What was announced of the way to this connection.
fn told(what: &Happening, id: &str) -> Option<&'static str> {
    let (word, connection) = match what {
        Happening::RegistrationFailed { connection, .. } => ("registration.failed", connection),
        Happening::RegistrationRecovered { connection } => ("registration.recovered", connection),
        Happening::ConnectionDown { connection } => ("connection.down", connection),
        Happening::RehearsalStarted { connection, .. } => ("rehearsal.started", connection),
        Happening::RehearsalEnded { connection } => ("rehearsal.ended", connection),
        Happening::ConnectionUp { connection } => ("connection.up", connection),
        Happening::WrongPassword { connection, .. } => ("device.wrong_password", connection),
        _ => return None,
    };
    (**connection == *id).then_some(word)
}
