//! `schedule`: opening hours, with holidays and days on which they differ.

use super::{Kind, Move, Outcome, Reader, Row, Scene, Setting, Verb, leads};
use crate::calendar::{DAY, Moment, days_of};

pub(super) const ROW: Row = Row {
    name: "schedule",
    about: "Looks whether it is open: holidays first, then dates with hours of their own, then the week.",
    settings: &[
        Setting::may("hours", Kind::List(&Kind::Object(HOURS), 100), "Hours of the week."),
        Setting::may(
            "dates",
            Kind::List(&Kind::Object(DATES), 400),
            "Dates whose hours differ; without hours they are closed.",
        ),
        Setting::may(
            "holidays",
            Kind::List(&Kind::Text(10), 400),
            "Dates: 2026-12-24, or 12-25 for every year.",
        ),
        Setting::may(
            "timezone",
            Kind::Text(64),
            "IANA name of the time zone; absent for that of the account.",
        ),
    ],
    outcomes: &[
        leads("open", "within the hours"),
        leads("closed", "outside of them"),
        leads("holiday", "a holiday"),
    ],
    named_by: None,
    waits: false,
    read,
};

const HOURS: &[Setting] = &[
    Setting::must("days", Kind::List(&Kind::Text(16), 7), "mon, tue, wed, thu, fri, sat, sun."),
    Setting::must("from", Kind::Text(5), "From, as 09:00."),
    Setting::must(
        "to",
        Kind::Text(5),
        "To, as 17:30; 24:00 is midnight. Before `from`, it is on the next day.",
    ),
];

const DATES: &[Setting] = &[
    Setting::must("date", Kind::Text(10), "2026-12-24, or 12-24 for every year."),
    Setting::may("from", Kind::Text(5), "From, as 09:00."),
    Setting::may("to", Kind::Text(5), "To, as 12:00."),
];

#[derive(Debug)]
struct Schedule {
    hours: Vec<Hours>,
    dates: Vec<(Date, Option<Span>)>,
    holidays: Vec<Date>,
    zone: Box<str>,
}

#[derive(Debug)]
struct Hours {
    /// By weekday, Monday first.
    days: [bool; 7],
    span: Span,
}

/// Minutes of a day, from and to; a `to` that is not after `from` is on the next day.
#[derive(Clone, Copy, Debug)]
struct Span(u16, u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: Option<i64>,
    month: u8,
    day: u8,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let hours = settings.objects("hours", hours);
    let dates = settings.objects("dates", date_with_hours);
    let mut holidays = Vec::new();
    for text in settings.texts("holidays") {
        match date(&text) {
            Some(date) => holidays.push(date),
            None => settings.wrong("holidays", format!("{text:?} is no date: 2026-12-24 or 12-24")),
        }
    }
    Box::new(Schedule { hours, dates, holidays, zone: settings.text("timezone") })
}

fn hours(settings: &mut Reader<'_>) -> Option<Hours> {
    let mut days = [false; 7];
    for name in settings.texts("days") {
        let found = WEEKDAYS.iter().position(|day| **day == *name).and_then(|index| days.get_mut(index));
        match found {
            Some(day) => *day = true,
            None => settings.wrong("days", format!("{name:?} is none of {}", WEEKDAYS.join(", "))),
        }
    }
    Some(Hours { days, span: span(settings)? })
}

fn date_with_hours(settings: &mut Reader<'_>) -> Option<(Date, Option<Span>)> {
    let text = settings.text("date");
    let Some(date) = date(&text) else {
        settings.wrong("date", "a date: 2026-12-24 or 12-24");
        return None;
    };
    let hours = settings.has("from") || settings.has("to");
    if hours { Some((date, Some(span(settings)?))) } else { Some((date, None)) }
}

fn span(settings: &mut Reader<'_>) -> Option<Span> {
    let mut minute = |name: &str| {
        let text = settings.text(name);
        let minute = minute(&text);
        // What has to be there and is not was said already.
        if minute.is_none() && (settings.has(name) || !settings.needs(name)) {
            settings.wrong(name, "a time of day, as 09:00");
        }
        minute
    };
    let (from, to) = (minute("from"), minute("to"));
    Some(Span(from?, to?))
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 24 * 60).then(|| u16::try_from(minutes).ok()).flatten()
}

fn date(text: &str) -> Option<Date> {
    let (year, rest) = match text.len() {
        10 => {
            text.split_once('-').and_then(|(year, rest)| Some((Some(i64::from(digits(year, 4)?)), rest)))?
        }
        _ => (None, text),
    };
    let (month, day) = rest.split_once('-')?;
    let (month, day) = (u8::try_from(digits(month, 2)?).ok()?, u8::try_from(digits(day, 2)?).ok()?);
    let fits = (1..=12).contains(&month) && (1..=days_of(month, year)).contains(&day);
    fits.then_some(Date { year, month, day })
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let all = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

impl Date {
    fn is(&self, moment: &Moment) -> bool {
        self.year.is_none_or(|year| year == moment.year)
            && (self.month, self.day) == (moment.month, moment.day)
    }
}

impl Span {
    /// Whether it holds this minute of the day that it begins on.
    fn holds(self, minute: u16) -> bool {
        let Self(from, to) = self;
        if to > from { (from..to).contains(&minute) } else { minute >= from }
    }

    /// Whether it goes on until after this minute of the day after.
    fn goes_on(self, minute: u16) -> bool {
        let Self(from, to) = self;
        to <= from && minute < to
    }
}

impl Schedule {
    fn state(&self, moment: &Moment, yesterday: &Moment) -> Outcome {
        if self.holidays.iter().any(|date| date.is(moment)) {
            return Outcome::HOLIDAY;
        }
        let open = self.is_open(moment, |span| span.holds(moment.minute))
            || self.is_open(yesterday, |span| span.goes_on(moment.minute));
        if open { Outcome::OPEN } else { Outcome::CLOSED }
    }

    fn is_open(&self, day: &Moment, fits: impl Fn(Span) -> bool) -> bool {
        let mut dated = self.dates.iter().filter(|(date, _)| date.is(day)).peekable();
        if dated.peek().is_some() {
            return dated.any(|(_, span)| span.is_some_and(&fits));
        }
        let holiday = self.holidays.iter().any(|date| date.is(day));
        let on = |hours: &&Hours| hours.days.get(usize::from(day.weekday)).is_some_and(|on| *on);
        !holiday && self.hours.iter().filter(on).any(|hours| fits(hours.span))
    }
}

impl Verb for Schedule {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let local = scene.world.local(self.zone(), scene.now);
        let (moment, yesterday) = (Moment::of(local), Moment::of(local.saturating_sub(DAY)));
        Move::go(self.state(&moment, &yesterday))
    }

    fn zone(&self) -> Option<&str> {
        Some(&*self.zone).filter(|zone| !zone.is_empty())
    }
}

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Findings;
    use serde_json::json;

    #[test]
    fn hours_are_open_when_they_say() {
        let settings = json!({
            "hours": [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:30"},
                {"days": ["sat"], "from": "22:00", "to": "02:00"},
            ],
            "dates": [{"date": "12-24", "from": "09:00", "to": "12:00"}, {"date": "2026-11-24"}],
            "holidays": ["12-25", "2026-11-26"],
        });
        let mut findings = Findings::default();
        let mut reader =
            Reader::new(settings.as_object().expect("an object"), "n", String::new(), &mut findings);
        reader.refuse_unknown(ROW.settings);
        let schedule = Schedule {
            hours: reader.objects("hours", hours),
            dates: reader.objects("dates", date_with_hours),
            holidays: reader.texts("holidays").iter().filter_map(|text| date(text)).collect(),
            zone: Box::default(),
        };
        assert!(findings.list.is_empty(), "{:?}", findings.list);
        // 2026-11-23 was a Monday.
        let monday = 1_795_392_000;
        for (name, days, hour, minute, state) in [
            ("before", 0, 8, 59, "closed"),
            ("at the beginning", 0, 9, 0, "open"),
            ("at the end", 0, 17, 30, "closed"),
            ("a minute before the end", 0, 17, 29, "open"),
            ("a date that is closed", 1, 10, 0, "closed"),
            ("the day after", 2, 10, 0, "open"),
            ("a holiday", 3, 10, 0, "holiday"),
            ("Saturday evening", 5, 22, 30, "open"),
            ("after midnight", 6, 1, 59, "open"),
            ("later", 6, 2, 0, "closed"),
            ("a date with hours", 31, 11, 0, "open"),
            ("a date with hours, after them", 31, 13, 0, "closed"),
            ("a holiday of every year", 32, 11, 0, "holiday"),
        ] {
            let local = monday + days * DAY + hour * 3_600 + minute * 60;
            let found = schedule.state(&Moment::of(local), &Moment::of(local - DAY));
            assert_eq!(found.as_str(), state, "{name}");
        }
    }

    #[test]
    fn times_and_dates_are_read() {
        for (text, expected) in [
            ("09:00", Some(540)),
            ("24:00", Some(1_440)),
            ("24:01", None),
            ("9:00", None),
            ("", None),
            ("09:60", None),
        ] {
            assert_eq!(minute(text), expected, "{text}");
        }
        for (text, expected) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("02-29", true),
            ("13-01", false),
            ("2026-1-1", false),
            ("é-é", false),
        ] {
            assert_eq!(date(text).is_some(), expected, "{text}");
        }
    }
}
