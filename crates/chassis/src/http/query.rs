//! Parameters of the query string that a list is filtered by.

use std::fmt;
use std::ops::RangeInclusive;

use axum::extract::Query;
use hyper::Uri;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::ObjectBuilder;

use crate::http::number::{self, MAX_EXACT};
use crate::http::problem::Problem;
use crate::openapi::schema;

/// The values of a positive number: an id, for example.
const NUMBERS: RangeInclusive<i64> = 1..=MAX_EXACT;

/// The values that a parameter may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// A positive whole number.
    Positive,
    /// One of these texts. They consist of letters and digits, so that a link has them as they are.
    OneOf(&'static [&'static str]),
}

/// The value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Of [`Values::Positive`].
    Number(i64),
    /// Of [`Values::OneOf`].
    Text(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl Values {
    /// The value of the parameter `name` in the query string. `None` if it is absent. 400 if it is invalid or repeated.
    pub fn read(self, name: &str, uri: &Uri) -> Result<Option<Value>, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|error| Problem::bad_request(error.body_text()))?;
        let given: Vec<String> = pairs.into_iter().filter(|(given, _)| given == name).map(|(_, value)| value).collect();
        match given.as_slice() {
            [] => Ok(None),
            [value] => self.parse(value).map(Some).ok_or_else(|| self.invalid(name)),
            _ => Err(Problem::bad_request(format!("{name} must be given once"))),
        }
    }

    fn parse(self, value: &str) -> Option<Value> {
        match self {
            Self::Positive => {
                number::parse_parameter(value).filter(|number| NUMBERS.contains(number)).map(Value::Number)
            }
            Self::OneOf(texts) => texts.iter().find(|text| **text == value).copied().map(Value::Text),
        }
    }

    /// The answer to an invalid value of the parameter `name`.
    pub fn invalid(self, name: &str) -> Problem {
        Problem::bad_request(match self {
            Self::Positive => format!("{name} must be a whole number from {} to {}", NUMBERS.start(), NUMBERS.end()),
            Self::OneOf(texts) => format!("{name} must be one of: {}", texts.join(", ")),
        })
    }

    /// The parameter `name` in the `OpenAPI` document.
    pub fn describe(self, name: &str, about: &str) -> Parameter {
        let parameter = Parameter::builder().name(name).parameter_in(ParameterIn::Query).required(Required::False);
        parameter.schema(Some(self.schema())).description(Some(about)).build()
    }

    fn schema(self) -> ObjectBuilder {
        match self {
            Self::Positive => schema::number(&NUMBERS),
            Self::OneOf(texts) => schema::one_of(texts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: Values = Values::OneOf(&["open", "closed"]);

    fn read(values: Values, query: &str) -> Result<Option<Value>, Problem> {
        values.read("state", &format!("/doors?{query}").parse().unwrap())
    }

    #[test]
    fn a_parameter_is_one_of_its_values_or_absent() {
        assert_eq!(read(Values::Positive, "state=7&other=x"), Ok(Some(Value::Number(7))));
        assert_eq!(read(Values::Positive, "state=7.0"), Ok(Some(Value::Number(7))));
        assert_eq!(read(STATES, "state=op%65n"), Ok(Some(Value::Text("open"))));
        assert_eq!(read(STATES, "other=7"), Ok(None));
        assert_eq!(STATES.read("state", &"/doors".parse().unwrap()), Ok(None));
    }

    #[test]
    fn an_invalid_value_is_refused_with_its_name_and_its_rule() {
        for value in ["", "0", "-1", "+1", "1.5", "x", "9007199254740992"] {
            let expected = Problem::bad_request("state must be a whole number from 1 to 9007199254740991");
            assert_eq!(read(Values::Positive, &format!("state={value}")), Err(expected), "{value}");
        }
        for value in ["", "Open", "7"] {
            let expected = Problem::bad_request("state must be one of: open, closed");
            assert_eq!(read(STATES, &format!("state={value}")), Err(expected), "{value}");
        }
        assert_eq!(read(STATES, "state=open&state=open").unwrap_err().status(), 400);
    }
}
