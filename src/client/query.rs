//! The parameters of a query, for the generated calls.

use reqwest::Request;
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::transport::classify::scalar;

/// Adds a parameter to the query: a scalar as `name=value`, a list as `name=a&name=b`, nothing for `None`.
#[doc(hidden)]
pub fn add_query<T: Serialize>(request: &mut Request, name: &str, value: &T) -> Result<(), Error> {
    match serde_json::to_value(value) {
        Ok(Value::Null) => {}
        Ok(Value::Array(values)) => values.iter().for_each(|value| add(request, name, value)),
        Ok(value) => add(request, name, &value),
        Err(_) => return Err(Error::config(format!("the parameter {name} cannot be written into the query"))),
    }
    Ok(())
}

fn add(request: &mut Request, name: &str, value: &Value) {
    request.url_mut().query_pairs_mut().append_pair(name, &scalar(value));
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use reqwest::Method;

    use super::*;

    fn query(add: impl FnOnce(&mut Request) -> Result<(), Error>) -> Option<String> {
        let mut request = Request::new(Method::GET, "https://vendor.example/list".parse().unwrap());
        add(&mut request).unwrap();
        request.url().query().map(str::to_owned)
    }

    #[test]
    fn what_is_not_given_leaves_no_trace() {
        assert_eq!(query(|request| add_query(request, "max", &None::<u32>)), None);
        assert_eq!(query(|request| add_query(request, "ids", &Vec::<u32>::new())), None);
    }

    #[test]
    fn scalars_and_lists_are_added_in_their_order() {
        let query = query(|request| {
            add_query(request, "max", &Some(20))?;
            add_query(request, "name", &"a&b=c d")?;
            add_query(request, "ids", &["1", "2"])?;
            add_query(request, "all", &true)
        });
        assert_eq!(query.unwrap(), "max=20&name=a%26b%3Dc+d&ids=1&ids=2&all=true");
    }

    #[test]
    fn what_is_no_json_is_refused_by_its_name() {
        let mut request = Request::new(Method::GET, "https://vendor.example".parse().unwrap());
        let value = HashMap::from([((1, 2), 3)]);
        let error = add_query(&mut request, "odd", &value).unwrap_err();
        assert!(error.to_string().contains("odd"), "{error}");
    }
}
