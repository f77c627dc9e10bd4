//! Filters and orders of a list, typed by the fields that the vendor documents for it.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use crate::wire::Decimal;

/// A comparison, as BILL spells it. Source: developer.bill.com/docs/search-op-with-lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// One of.
    In,
    /// None of.
    Nin,
    /// Starts with.
    Sw,
}

impl Op {
    /// As it goes over the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::In => "in",
            Self::Nin => "nin",
            Self::Sw => "sw",
        }
    }
}

/// A field that a list can be filtered by. The generated lists have an enum of theirs each, in the module `search`.
///
/// ```
/// use ledgerkey::bill::api::search::ListVendorsFilter as By;
/// use ledgerkey::client::FilterField as _;
///
/// let filter = By::Name.sw("Example, Inc.");
/// assert_eq!(filter.to_string(), r#"name:sw:"Example, Inc.""#);
/// ```
pub trait FilterField: Copy {
    /// Its name on the wire.
    fn name(self) -> &'static str;

    /// The comparisons that the vendor documents for it; any, where it documents none.
    fn ops(self) -> &'static [Op];

    /// Equal to `value`.
    fn eq(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Eq, [value.into()])
    }

    /// Not equal to `value`.
    fn ne(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Ne, [value.into()])
    }

    /// Greater than `value`.
    fn gt(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Gt, [value.into()])
    }

    /// Greater than `value`, or equal to it.
    fn gte(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Gte, [value.into()])
    }

    /// Less than `value`.
    fn lt(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Lt, [value.into()])
    }

    /// Less than `value`, or equal to it.
    fn lte(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Lte, [value.into()])
    }

    /// Equal to one of `values`.
    fn is_in(self, values: impl IntoIterator<Item = impl Into<Operand>>) -> Filter<Self> {
        Filter::new(self, Op::In, values.into_iter().map(Into::into))
    }

    /// Equal to none of `values`.
    fn nin(self, values: impl IntoIterator<Item = impl Into<Operand>>) -> Filter<Self> {
        Filter::new(self, Op::Nin, values.into_iter().map(Into::into))
    }

    /// Starting with `value`.
    fn sw(self, value: impl Into<Operand>) -> Filter<Self> {
        Filter::new(self, Op::Sw, [value.into()])
    }
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand(String);

macro_rules! operands {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Operand {
            fn from(value: $kind) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}
operands!(&str, String, &String, bool, i32, i64, u32, u64, Decimal, NaiveDate);

impl From<DateTime<Utc>> for Operand {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// One comparison. A list shows the rows for which all of its filters hold.
///
/// One that the vendor does not take, or that cannot be written, is told when the list is asked for, before anything is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter<F> {
    written: Result<String, String>,
    field: PhantomData<F>,
}

impl<F: FilterField> Filter<F> {
    fn new(field: F, op: Op, values: impl IntoIterator<Item = Operand>) -> Self {
        Self { written: write(field.name(), field.ops(), op, values), field: PhantomData }
    }
}

fn write(field: &str, ops: &[Op], op: Op, values: impl IntoIterator<Item = Operand>) -> Result<String, String> {
    if !ops.is_empty() && !ops.contains(&op) {
        let known: Vec<&str> = ops.iter().map(|op| op.as_str()).collect();
        return Err(format!("{field} cannot be filtered by {}: it can by {}", op.as_str(), known.join(", ")));
    }
    let mut written = String::new();
    for Operand(value) in values {
        // How a quotation mark within a value is written is documented nowhere, and neither is a comma within one of several values.
        let is_list = matches!(op, Op::In | Op::Nin);
        if value.is_empty() || value.chars().any(|c| c == '"' || c.is_control()) || (is_list && value.contains(',')) {
            return Err(format!(
                "{field} cannot be filtered by this value: it is empty, or holds what cannot be written"
            ));
        }
        if !written.is_empty() {
            written.push(',');
        }
        written.push_str(&value);
    }
    if written.is_empty() {
        return Err(format!("{field} is compared with nothing"));
    }
    let bare = !written.contains([',', ':']) && written.trim() == written;
    let op = op.as_str();
    Ok(if bare { format!("{field}:{op}:{written}") } else { format!("{field}:{op}:\"{written}\"") })
}

impl<F> fmt::Display for Filter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Ok(text) | Err(text) => f.write_str(text),
        }
    }
}

impl<F> fmt::Debug for Filter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.written).finish()
    }
}

/// A field that a list can be sorted by.
pub trait SortField: Copy {
    /// Its name on the wire.
    fn name(self) -> &'static str;

    /// The least first.
    fn asc(self) -> Sort<Self> {
        Sort { written: format!("{}:asc", self.name()), field: PhantomData }
    }

    /// The greatest first.
    fn desc(self) -> Sort<Self> {
        Sort { written: format!("{}:desc", self.name()), field: PhantomData }
    }
}

/// An order of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort<F> {
    written: String,
    field: PhantomData<F>,
}

/// What a generated builder keeps of a parameter that is text.
type Kept = Result<Option<String>, String>;

/// Adds a filter to the parameter of a list, for the generated builders.
#[doc(hidden)]
pub fn add_filter<F>(kept: Kept, filter: Filter<F>) -> Kept {
    joined(kept?, filter.written?)
}

/// Adds a field to the order of a list of which the vendor takes at most so many, for the generated builders.
#[doc(hidden)]
pub fn add_sort<F>(kept: Kept, sort: Sort<F>, most: usize) -> Kept {
    let kept = kept?;
    if kept.iter().flat_map(|kept| kept.split(',')).count() >= most {
        return Err(format!("the list can be sorted by {most} field(s) at most"));
    }
    joined(kept, sort.written)
}

fn joined(kept: Option<String>, more: String) -> Kept {
    Ok(Some(kept.map_or_else(|| more.clone(), |kept| format!("{kept},{more}"))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy)]
    enum By {
        Name,
        Time,
    }

    impl FilterField for By {
        fn name(self) -> &'static str {
            match self {
                Self::Name => "name",
                Self::Time => "createdTime",
            }
        }

        fn ops(self) -> &'static [Op] {
            match self {
                Self::Name => &[Op::Eq, Op::Sw, Op::In],
                Self::Time => &[],
            }
        }
    }

    #[test]
    fn what_needs_quotes_has_them() {
        let time: DateTime<Utc> = "2026-09-01T00:00:00Z".parse().unwrap();
        assert_eq!(By::Time.gte(time).to_string(), r#"createdTime:gte:"2026-09-01T00:00:00.000Z""#);
        assert_eq!(By::Name.eq("Example").to_string(), "name:eq:Example");
        assert_eq!(By::Name.eq("Example, Inc.").to_string(), r#"name:eq:"Example, Inc.""#);
        assert_eq!(By::Name.is_in(["A", "B"]).to_string(), r#"name:in:"A,B""#);
        assert_eq!(
            By::Time.lt(NaiveDate::from_ymd_opt(2026, 12, 30).unwrap()).to_string(),
            "createdTime:lt:2026-12-30"
        );
    }

    #[test]
    fn what_the_vendor_does_not_take_is_refused_with_what_it_does() {
        let refused = add_filter(Ok(None), By::Name.gt(3)).unwrap_err();
        assert_eq!(refused, "name cannot be filtered by gt: it can by eq, sw, in");
        for filter in [By::Name.eq(""), By::Name.eq("\""), By::Name.is_in(["a,b"]), By::Name.is_in([""; 0])] {
            assert!(add_filter(Ok(None), filter).is_err());
        }
    }

    #[test]
    fn all_filters_must_hold_and_an_order_has_its_bound() {
        let one = add_filter(Ok(None), By::Name.eq("a"));
        assert_eq!(add_filter(one, By::Time.gt("b")).unwrap().unwrap(), "name:eq:a,createdTime:gt:b");
        let sort = || Sort::<()> { written: "name:asc".into(), field: PhantomData };
        let one = add_sort(Ok(None), sort(), 1);
        assert_eq!(one.clone().unwrap().unwrap(), "name:asc");
        assert!(add_sort(one, sort(), 1).is_err());
    }

    proptest! {
        /// Whatever the value, one comparison stays one: outside of quotation marks there is no comma.
        #[test]
        fn a_value_never_becomes_a_comparison_of_its_own(value in ".*") {
            if let Ok(written) = By::Name.eq(value.as_str()).written {
                let outside: String = written.split('"').step_by(2).collect();
                prop_assert!(!outside.contains(','));
                prop_assert_eq!(written.matches('"').count() % 2, 0);
            }
        }
    }
}
