//! Values in the forms that the vendors write them: exact decimals, and dates that are not ISO 8601.
//!
//! The specs name these by `type` and `format`, so that no caller has to know which vendor writes which.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// An exact decimal that JSON carries as a number, such as an amount of money. It never passes through a binary float:
/// `90071992547409.93` comes back as it went, and so does `10.50`. A number in quotes is read too.
///
/// ```
/// use ledgerkey::wire::Decimal;
///
/// let amount: Decimal = serde_json::from_str("90071992547409.93")?;
/// assert_eq!(serde_json::to_string(&amount)?, "90071992547409.93");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

/// An exact decimal that JSON carries as text: `"72.00"`. A bare number is read too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecimalString(pub rust_decimal::Decimal);

/// A text that does not have the form that it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct FormError(&'static str);

const A_DECIMAL: &str = "a decimal number of at most 28 digits";

fn parse_decimal(text: &str) -> Result<rust_decimal::Decimal, FormError> {
    // `from_str_exact` refuses what it would have to round; `from_scientific` rounds a base that is too long.
    let (base, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    // They take `1_000` and `1e-+2`, which is no way that a vendor writes.
    if base.contains('_') || power.parse::<i32>().is_err() {
        return Err(FormError(A_DECIMAL));
    }
    let exact = rust_decimal::Decimal::from_str_exact(base);
    let parsed = if base == text { exact } else { exact.and_then(|_| rust_decimal::Decimal::from_scientific(text)) };
    parsed.map_err(|_| FormError(A_DECIMAL))
}

fn read_decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<rust_decimal::Decimal, D::Error> {
    // The raw text is the only exact form that serde_json gives without a feature that would change it for the whole program.
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    parse_decimal(raw.get().trim_matches('"')).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_decimal(deserializer).map(Self)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DecimalString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_decimal(deserializer).map(Self)
    }
}

impl Serialize for DecimalString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A field of a request that changes something: left alone, cleared, or set. On the wire that is no field, `null`, or the value.
///
/// ```
/// use ledgerkey::wire::Change;
///
/// let name: Change<String> = "Example".into();
/// assert_eq!(name, Change::To("Example".to_owned()));
/// assert_eq!(Change::<String>::default(), Change::Keep);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Change<T> {
    /// It stays what it is.
    #[default]
    Keep,
    /// It is cleared.
    Clear,
    /// It becomes this.
    To(T),
}

impl<T> Change<T> {
    /// Whether the field is left alone.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T> From<T> for Change<T> {
    fn from(value: T) -> Self {
        Self::To(value)
    }
}

impl From<&str> for Change<String> {
    fn from(value: &str) -> Self {
        Self::To(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // A field that is kept is not written at all; whoever writes the value by itself gets what is nearest.
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::To(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::To))
    }
}

/// Writes the conversions that all of these types have: from and to their text, and serde by way of the text.
macro_rules! texts {
    ($($name:ident($inner:ty), $what:expr, $parse:expr, $print:expr;)*) => {$(
        impl FromStr for $name {
            type Err = FormError;

            fn from_str(text: &str) -> Result<Self, FormError> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                parse(text).map(Self).ok_or(FormError($what))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let print: fn(&$inner, &mut fmt::Formatter<'_>) -> fmt::Result = $print;
                print(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    )*};
}

texts! {
    Decimal(rust_decimal::Decimal), A_DECIMAL, |text| parse_decimal(text).ok(), |value, f| value.fmt(f);
    DecimalString(rust_decimal::Decimal), A_DECIMAL, |text| parse_decimal(text).ok(), |value, f| value.fmt(f);
    CompactDate(NaiveDate), "a date like 20261230", |text| date(text, "%Y%m%d"), |date, f| write!(f, "{}", date.format("%Y%m%d"));
    DmyDate(NaiveDate), "a date like 30-12-2026", |text| date(text, "%d-%m-%Y"), |date, f| write!(f, "{}", date.format("%d-%m-%Y"));
    OffsetDateTime(DateTime<FixedOffset>), "a time like 2026-12-30T23:15:23.127+0000",
        |text| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok(),
        |time, f| write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.3f%z"));
    UnixTime(DateTime<Utc>), "a time in seconds since 1970",
        |text| DateTime::from_timestamp(text.parse().ok()?, 0),
        |time, f| write!(f, "{}", time.timestamp());
}

/// chrono takes fewer digits than the form has, and signs and spaces in their place; the vendors write all of them.
fn date(text: &str, form: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, form).ok().filter(|date| date.format(form).to_string() == text)
}

/// A date written `20261230`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompactDate(pub NaiveDate);

/// A date written `30-12-2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmyDate(pub NaiveDate);

/// A time written `2026-12-30T23:15:23.127+0000`: the offset has no colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OffsetDateTime(pub DateTime<FixedOffset>);

/// A time written as an integer: seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub DateTime<Utc>);

/// Two dates, both included, written `01/12/2026 - 30/12/2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateRange {
    /// The first day.
    pub first: NaiveDate,
    /// The last day.
    pub last: NaiveDate,
}

impl FromStr for DateRange {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let day = |text: &str| date(text, "%d/%m/%Y");
        text.split_once(" - ")
            .and_then(|(first, last)| Some(Self { first: day(first)?, last: day(last)? }))
            .ok_or(FormError("two dates like 01/12/2026 - 30/12/2026"))
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.first.format("%d/%m/%Y"), self.last.format("%d/%m/%Y"))
    }
}

macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

serde_as_text!(CompactDate, DmyDate, OffsetDateTime, DateRange);

impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.timestamp())
    }
}

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;
        impl Visitor<'_> for Seconds {
            type Value = UnixTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in seconds since 1970")
            }

            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<UnixTime, E> {
                DateTime::from_timestamp(seconds, 0)
                    .map(UnixTime)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(seconds), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<UnixTime, E> {
                i64::try_from(seconds)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(seconds), &self))
                    .and_then(|seconds| self.visit_i64(seconds))
            }
        }
        deserializer.deserialize_i64(Seconds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back_and_forth<T: Serialize + serde::de::DeserializeOwned>(json: &str) -> String {
        serde_json::to_string(&serde_json::from_str::<T>(json).unwrap()).unwrap()
    }

    #[test]
    fn money_keeps_its_digits() {
        for json in ["90071992547409.93", "10.50", "0.00", "-1", "7922816251426433759354395033.5"] {
            assert_eq!(back_and_forth::<Decimal>(json), json);
            let text = format!("\"{json}\"");
            assert_eq!(back_and_forth::<DecimalString>(&text), text);
            assert_eq!(back_and_forth::<Decimal>(&text), json);
        }
        assert_eq!(back_and_forth::<Decimal>("1.5e3"), "1500");
    }

    #[test]
    fn money_that_cannot_be_kept_exactly_is_refused() {
        for json in [
            "\"12,50\"",
            "\"1_000\"",
            "\"1e-+2\"",
            "\"\"",
            "null",
            "{}",
            "0.00000000000000000000000000001",
            "99999999999999999999999999999",
        ] {
            assert!(serde_json::from_str::<Decimal>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn dates_in_their_forms() {
        assert_eq!(back_and_forth::<CompactDate>("\"20261230\""), "\"20261230\"");
        assert_eq!(back_and_forth::<DmyDate>("\"30-12-2026\""), "\"30-12-2026\"");
        assert_eq!(back_and_forth::<DateRange>("\"01/12/2026 - 30/12/2026\""), "\"01/12/2026 - 30/12/2026\"");
        assert_eq!(
            back_and_forth::<OffsetDateTime>("\"2026-12-30T23:15:23.127+0200\""),
            "\"2026-12-30T23:15:23.127+0200\""
        );
        assert_eq!(back_and_forth::<UnixTime>("1622060901"), "1622060901");
        for bad in ["2026123", "2026 1 1", "+2026123"] {
            assert!(bad.parse::<CompactDate>().is_err(), "{bad}");
        }
        assert!(" 1- 2-2026".parse::<DmyDate>().is_err());
        assert!("31-02-2026".parse::<DmyDate>().is_err());
        assert!(serde_json::from_str::<UnixTime>("18446744073709551615").is_err());
    }

    proptest! {
        #[test]
        fn every_amount_comes_back_as_it_went(units in any::<i64>(), scale in 0_u32..6) {
            let json = rust_decimal::Decimal::new(units, scale).to_string();
            prop_assert_eq!(back_and_forth::<Decimal>(&json), json);
        }

        #[test]
        fn nothing_makes_the_parsers_panic(text in any::<String>()) {
            let _ = (text.parse::<Decimal>(), text.parse::<DmyDate>(), text.parse::<CompactDate>(), text.parse::<DateRange>());
            let _ = (text.parse::<OffsetDateTime>(), text.parse::<UnixTime>());
        }
    }
}
