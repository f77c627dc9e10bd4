//! Points in time in the forms that the two vendors write, and durations as ISO 8601 writes them.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SpanRelativeTo, Timestamp, tz::TimeZone};

/// Milliseconds since 1970.
pub(crate) type Millis = i64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

/// BILL v3: `2026-12-30T23:15:23.127+00:00`.
pub(crate) fn bill_v3(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S.%3f+00:00")
}

/// BILL v2: the offset has no colon, `2026-12-30T23:15:23.127+0000`.
pub(crate) fn bill_v2(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S.%3f+0000")
}

/// Bezala: `2026-05-26T20:28:21.257Z`.
pub(crate) fn zulu(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// A calendar date in UTC, `2026-12-30`.
pub(crate) fn date(at: Millis) -> String {
    format(at, "%Y-%m-%d")
}

/// Reads a date, or a date-time in any of the forms that BILL's filters take; UTC where no offset stands.
pub(crate) fn parse(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    if text.len() == 10 {
        return Some(midnight(text.parse().ok()?));
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Reads `DD/MM/YYYY`, Bezala's form in `date_range`.
pub(crate) fn parse_slashed(text: &str) -> Option<Millis> {
    let mut parts = text.trim().splitn(3, '/').map(str::parse::<i16>);
    let (day, month, year) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok().map(midnight)
}

/// Reads `YYYYMMDD`.
pub(crate) fn parse_compact(text: &str) -> Option<Millis> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::strptime("%Y%m%d", text).ok().map(midnight)
}

/// Reads an ISO 8601 duration of days, hours, minutes and seconds, such as `PT36M` or `P30D`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not an ISO 8601 duration such as PT36M or P30D");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(length).map_err(|_| format!("`{text}` is negative"))
}

fn midnight(date: Date) -> Millis {
    date.to_zoned(TimeZone::UTC).map_or(0, |day| day.timestamp().as_millisecond())
}

fn format(at: Millis, form: &str) -> String {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH).strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_both_vendors() {
        let at = parse("2026-12-30T23:15:23.127+00:00").unwrap();
        assert_eq!(bill_v3(at), "2026-12-30T23:15:23.127+00:00");
        assert_eq!(bill_v2(at), "2026-12-30T23:15:23.127+0000");
        assert_eq!(zulu(at), "2026-12-30T23:15:23.127Z");
        assert_eq!(parse(&bill_v2(at)), Some(at));
        assert_eq!(parse("2026-12-30T23:15:23"), Some(at - 127));
        assert_eq!(parse("2026-12-30"), parse_slashed("30/12/2026"));
        assert_eq!(parse("2026-12-30"), parse_compact("20261230"));
        assert_eq!([parse("soon"), parse("2026-13-01"), parse_slashed("1/2"), parse_compact("2026123x")], [None; 4]);
    }

    #[test]
    fn durations_of_iso_8601() {
        assert_eq!(duration("PT36M"), Ok(Duration::from_secs(36 * 60)));
        assert_eq!(duration("P30D"), Ok(Duration::from_secs(30 * 86_400)));
        assert!(duration("36").is_err() && duration("-PT1M").is_err() && duration("P1M").is_err());
    }
}
