//! Dates and hours out of the seconds that a clock on a wall shows.

/// A moment as a calendar and a clock show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    /// 0 is Monday.
    pub(crate) weekday: u8,
    /// Minutes since midnight.
    pub(crate) minute: u16,
}

impl Moment {
    /// From seconds since 1970 as shown there.
    pub(crate) fn of(local: u64) -> Self {
        let days = i64::try_from(local / DAY).unwrap_or(0);
        let (year, month, day) = civil(days);
        Self {
            year,
            month,
            day,
            // 1970-01-01 was a Thursday.
            weekday: u8::try_from((days + 3).rem_euclid(7)).unwrap_or(0),
            minute: u16::try_from(local % DAY / 60).unwrap_or(0),
        }
    }
}

/// Days of a month; of February, those of a leap year if `year` is none.
pub(crate) fn days_of(month: u8, year: Option<i64>) -> u8 {
    let leap = year.is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The proleptic Gregorian date of a day since 1970-01-01: eras of 400 years, years that begin in March.
fn civil(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_calendar() {
        for (local, year, month, day, weekday, minute) in [
            (0, 1970, 1, 1, 3, 0),
            (951_782_400, 2000, 2, 29, 1, 0),
            (1_709_164_800 + 3_600, 2024, 2, 29, 3, 60),
            (1_735_689_599, 2024, 12, 31, 1, 1_439),
            (1_795_305_600, 2026, 11, 22, 6, 0),
        ] {
            let expected = Moment { year, month, day, weekday, minute };
            assert_eq!(Moment::of(local), expected, "{local}");
        }
    }

    #[test]
    fn months_are_as_long_as_they_are() {
        assert_eq!((days_of(2, Some(2023)), days_of(2, Some(2024)), days_of(2, Some(2100))), (28, 29, 28));
        assert_eq!((days_of(2, None), days_of(4, None), days_of(12, None)), (29, 30, 31));
    }
}
