//! What a list can be filtered and sorted by, where its description says so.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::collection::Op;

/// `x-search`.
#[derive(Debug)]
pub(crate) struct Search {
    /// The fields, each with the comparisons that are documented for it; `None` where nobody says which.
    pub filter: BTreeMap<String, Option<Vec<Op>>>,
    /// `None` where nobody says by which fields.
    pub sort: Option<Vec<String>>,
    /// By how many fields at a time.
    pub sort_most: Option<usize>,
}

impl Search {
    pub(super) fn read(written: &Value) -> Self {
        let words = |list: &Value| -> Option<Vec<String>> {
            list.as_array().map(|words| words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
        };
        let ops = |list: &Value| words(list).map(|words| words.iter().filter_map(|word| Op::of_word(word)).collect());
        let filter = written["filter"].as_object().into_iter().flatten();
        Self {
            filter: filter.map(|(field, list)| (field.clone(), ops(list))).collect(),
            sort: words(&written["sort"]),
            sort_most: written["sort-most"].as_u64().and_then(|most| usize::try_from(most).ok()),
        }
    }
}
