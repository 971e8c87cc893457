use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// The claim of a token that contains the roles.
///
/// Written as a JSON Pointer (RFC 6901) if it begins with `/`: `/https:~1~1shop.example~1roles` is the claim
/// `https://shop.example/roles` (`~1` stands for `/`, `~0` for `~`). Otherwise a dotted path: `realm_access.roles`.
#[derive(Clone, PartialEq, Eq)]
pub struct RolesClaim {
    written: String,
    pointer: String,
}

/// Why a text is not the name of a claim.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum RolesClaimError {
    /// The text is empty.
    #[error("names no claim")]
    Empty,
    /// A leading or trailing dot, or two in a row.
    #[error("has an empty name between its dots; a JSON Pointer begins with '/'")]
    EmptyName,
    /// A claim whose name is a URL would be split at its dots.
    #[error("is a URL, whose dots would separate names; as a JSON Pointer it is '{0}'")]
    Url(String),
    /// An invalid escape (RFC 6901).
    #[error("is no JSON Pointer: '~' must be followed by 0 (for '~') or 1 (for '/')")]
    Escape,
}

/// The roles in a token.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) roles: BTreeSet<String>,
    /// A description of the part that is not a role.
    pub(crate) unreadable: Option<&'static str>,
}

impl RolesClaim {
    /// The roles in these claims: a list of strings, or one string with spaces between the roles, as in `scope`.
    pub(crate) fn read(&self, claims: &Value) -> Roles {
        let mut read = Roles::default();
        match claims.pointer(&self.pointer) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                read.roles = text.split(' ').filter(|role| !role.is_empty()).map(str::to_owned).collect();
            }
            Some(Value::Array(list)) => {
                for one in list {
                    match one {
                        Value::String(role) => drop(read.roles.insert(role.clone())),
                        _ => read.unreadable = Some("a list in which not all are texts"),
                    }
                }
            }
            Some(Value::Object(_)) => read.unreadable = Some("an object"),
            Some(Value::Number(_)) => read.unreadable = Some("a number"),
            Some(Value::Bool(_)) => read.unreadable = Some("a boolean"),
        }
        read
    }
}

impl FromStr for RolesClaim {
    type Err = RolesClaimError;

    fn from_str(text: &str) -> Result<Self, RolesClaimError> {
        let written = text.to_owned();
        if text.is_empty() {
            return Err(RolesClaimError::Empty);
        }
        if text.starts_with('/') {
            let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            return if escapes { Ok(Self { pointer: text.to_owned(), written }) } else { Err(RolesClaimError::Escape) };
        }
        if text.contains("://") {
            return Err(RolesClaimError::Url(format!("/{}", escaped(text))));
        }
        if text.split('.').any(str::is_empty) {
            return Err(RolesClaimError::EmptyName);
        }
        let names: Vec<String> = text.split('.').map(escaped).collect();
        Ok(Self { written, pointer: format!("/{}", names.join("/")) })
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The text as written in the settings.
impl fmt::Display for RolesClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The text as written in the settings.
impl fmt::Debug for RolesClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roles(claim: &str, claims: &Value) -> Roles {
        claim.parse::<RolesClaim>().unwrap().read(claims)
    }

    fn named<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn a_claim_of_any_name_can_be_named() {
        for (claim, claims) in [
            ("realm_access.roles", json!({ "realm_access": { "roles": ["clerk"] } })),
            ("roles", json!({ "roles": ["clerk"] })),
            ("/roles", json!({ "roles": ["clerk"] })),
            ("/https:~1~1shop.example~1roles", json!({ "https://shop.example/roles": ["clerk"] })),
            ("/resource_access/shop.web/roles", json!({ "resource_access": { "shop.web": { "roles": ["clerk"] } } })),
            ("/a~0b", json!({ "a~b": ["clerk"] })),
            ("/~01", json!({ "~1": ["clerk"] })),
            ("/", json!({ "": ["clerk"] })),
            ("/teams/1", json!({ "teams": [["boss"], ["clerk"]] })),
            ("cognito:groups", json!({ "cognito:groups": ["clerk"] })),
            ("a/b~c", json!({ "a/b~c": ["clerk"] })),
        ] {
            assert_eq!(roles(claim, &claims), Roles { roles: named(["clerk"]), unreadable: None }, "{claim}");
        }
    }

    #[test]
    fn an_invalid_claim_name_is_rejected_with_a_hint() {
        let refused = |text: &str| text.parse::<RolesClaim>().unwrap_err();
        assert_eq!(refused(""), RolesClaimError::Empty);
        for text in [".", "a.", ".a", "a..b"] {
            assert_eq!(refused(text), RolesClaimError::EmptyName, "{text}");
        }
        for text in ["/~", "/a~2", "/a~", "/~~0"] {
            assert_eq!(refused(text), RolesClaimError::Escape, "{text}");
        }
        let RolesClaimError::Url(pointer) = refused("https://shop.example/roles") else { panic!() };
        assert_eq!(roles(&pointer, &json!({ "https://shop.example/roles": ["clerk"] })).roles, named(["clerk"]));
    }

    #[test]
    fn one_text_is_split_at_its_spaces() {
        for (text, expected) in [
            ("clerk", named(["clerk"])),
            ("clerk boss", named(["boss", "clerk"])),
            ("  clerk  boss ", named(["boss", "clerk"])),
            ("clerk,boss", named(["clerk,boss"])),
            ("", named([])),
        ] {
            assert_eq!(roles("scope", &json!({ "scope": text })), Roles { roles: expected, unreadable: None });
        }
    }

    #[test]
    fn an_invalid_role_is_reported_and_does_not_affect_the_others() {
        let mixed = roles("roles", &json!({ "roles": ["clerk", 7, null, ["boss"], { "name": "boss" }, "chief"] }));
        assert_eq!(mixed.roles, named(["chief", "clerk"]));
        assert!(mixed.unreadable.is_some());
        for claim in [json!(7), json!(true), json!({ "clerk": true })] {
            let read = roles("roles", &json!({ "roles": claim }));
            assert!(read.roles.is_empty() && read.unreadable.is_some(), "{claim}");
        }
    }

    #[test]
    fn a_missing_claim_is_not_reported() {
        for claims in
            [json!({}), json!({ "roles": null }), json!({ "roles": [] }), json!({ "realm": { "roles": ["x"] } })]
        {
            assert_eq!(roles("roles", &claims), Roles::default(), "{claims}");
        }
        assert_eq!(roles("roles.of.kim", &json!({ "roles": "clerk" })), Roles::default());
    }
}
