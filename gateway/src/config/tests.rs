use std::time::Duration;

use http::Method;

use super::*;

const MINIMAL: &str = r#"
[upstreams]
things = "http://127.0.0.1:8081"

[[routes]]
path = "/things"
upstream = "things"
methods = ["GET", "POST"]
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, |_| None)
}

fn rejection(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The minimal file with one text put in the place of another.
fn with(old: &str, new: &str) -> String {
    assert!(MINIMAL.contains(old));
    MINIMAL.replace(old, new)
}

#[test]
fn a_minimal_file_gets_the_default_limits() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.upstreams[0].addresses[0], "127.0.0.1:8081");
    assert_eq!(config.routes[0].methods, [Method::GET, Method::POST]);
    assert_eq!(config.routes[0].timeout, Duration::from_secs(10));
    assert!(!config.routes[0].stream);
    assert_eq!(config.limits.body, 65_536);
    assert!(config.cors.is_none());
}

#[test]
fn every_limit_can_be_set() {
    let limits = r#"
        [limits]
        body = 10
        timeout = "1s"
        body_idle_timeout = "2s"
        body_timeout = "9s"
        request_buffer_bytes = 11
        stream_idle = "3s"
        in_flight = 4
        retry_after = "5s"
        connect_timeout = "680ms"
        connect_attempts = 6
        pool_idle_timeout = "7s"
        pool_max_idle = 8
        share = "10%"
        cancellation_rate = "5/1s"
        grpc_connections = 3
    "#;
    let config = parse(&format!("{MINIMAL}{limits}")).unwrap();
    assert_eq!(config.routes[0].timeout, Duration::from_secs(1));
    let limits = config.limits;
    assert_eq!((limits.body, limits.in_flight, limits.connect_attempts, limits.pool_max_idle), (10, 4, 6, 8));
    assert_eq!(limits.connect_timeout, Duration::from_millis(680));
    assert_eq!((limits.request_buffer_bytes, limits.body_timeout), (11, Duration::from_secs(9)));
    assert_eq!((limits.share.to_string().as_str(), limits.grpc_connections), ("10%", 3));
    assert_eq!(limits.cancellation_rate, "5/1s".parse().ok());
    let seconds = [limits.body_idle_timeout, limits.stream_idle, limits.retry_after, limits.pool_idle_timeout];
    assert_eq!(seconds.map(|duration| duration.as_secs()), [2, 3, 5, 7]);
}

#[test]
fn the_earlier_names_of_limits_are_accepted() {
    let limits = r#"
        [limits]
        upload_idle = "2s"
        upload_timeout = "9s"
        uploads = 65537
        compress_from = 7
        cancels = "5/1s"
        replica_failures = 6
        replica_pause = "8s"
        retry_share = 0.5
    "#;
    let earlier = parse(&format!("{MINIMAL}{limits}")).unwrap().limits;
    let names = [
        ("upload_idle", "body_idle_timeout"),
        ("upload_timeout", "body_timeout"),
        ("uploads", "request_buffer_bytes"),
        ("compress_from", "compression_min_bytes"),
        ("cancels", "cancellation_rate"),
        ("replica_failures", "consecutive_failures"),
        ("replica_pause", "base_ejection_time"),
        ("retry_share", "retry_budget"),
    ];
    let renamed = names.iter().fold(limits.to_owned(), |text, (old, new)| text.replace(old, new));
    assert_eq!(parse(&format!("{MINIMAL}{renamed}")).unwrap().limits, earlier);
    assert_ne!(earlier, Limits::default());
}

#[test]
fn a_route_has_its_own_time_limit() {
    let config = parse(&with("methods", "stream = true\ntimeout = \"2s\"\nmethods")).unwrap();
    assert_eq!(config.routes[0].timeout, Duration::from_secs(2));
    assert!(config.routes[0].stream);
}

#[test]
fn the_environment_replaces_an_address() {
    let text = with("things = ", "my-things = ").replace("upstream = \"things\"", "upstream = \"my-things\"");
    let environment = |name: &str| (name == "UPSTREAM_MY_THINGS").then(|| "http://things:8080".to_owned());
    assert_eq!(Config::parse(&text, environment).unwrap().upstreams[0].addresses[0], "things:8080");
    let error = Config::parse(&text, |_| Some("things:8080".to_owned())).unwrap_err().to_string();
    assert!(error.starts_with("UPSTREAM_MY_THINGS: 'things:8080' must begin with http://"), "{error}");
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let error = rejection(&with("methods", "metods"));
    assert!(error.starts_with("line 8 (metods = "), "{error}");
    assert!(error.contains("unknown field `metods`"), "{error}");
    for text in ["[limit]", "[limits]\nbdy = 1", "[cors]\norigins = []\nmethods = []\norigin = 1"] {
        let error = rejection(&format!("{MINIMAL}{text}\n"));
        assert!(error.contains("unknown field"), "{error}");
    }
}

#[test]
fn values_of_the_wrong_form_are_refused_with_their_line() {
    for (line, expected) in [
        ("timeout = \"soon\"", "'soon' is no time"),
        ("timeout = \"0s\"", "must be longer than zero"),
        ("timeout = \"2years\"", "must not be longer than a year"),
        ("timeout = 5", "expected a string"),
        ("stream = \"yes\"", "expected a boolean"),
    ] {
        let error = rejection(&with("methods", &format!("{line}\nmethods")));
        assert!(error.starts_with(&format!("line 8 ({line}): ")), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    assert!(rejection("routes = [").starts_with("line 1 (routes = ["));
}

#[test]
fn values_that_cannot_be_used_are_refused_with_their_key() {
    for (old, new, expected) in [
        (
            "upstream = \"things\"",
            "upstream = \"thins\"",
            "routes[0].upstream: 'thins' is not among [upstreams]: things",
        ),
        ("\"/things\"", "\"/\"", "routes[0].path: '/' must start with a name"),
        ("\"/things\"", "\"things\"", "routes[0].path: 'things' the path must start with /"),
        ("\"/things\"", "\"/metrics\"", "routes[0].path: /metrics is the gateway's own"),
        ("\"/things\"", "\"/healthz\"", "routes[0].path: /healthz is the gateway's own"),
        ("\"/things\"", "\"/healthz/services\"", "routes[0].path: /healthz/services is the gateway's own"),
        ("[\"GET\", \"POST\"]", "[]", "routes[0].methods: none is given"),
        ("\"POST\"", "\"OPTIONS\"", "routes[0].methods: OPTIONS cannot be opened"),
        (
            "[\"GET\", \"POST\"]",
            "[\"GET\", \"POST\"]\ngrpc = true",
            "routes[0].methods: must be [\"POST\"], as grpc is true",
        ),
        ("\"POST\"", "\"post\"", "routes[0].methods: post cannot be opened"),
        ("http://127.0.0.1:8081", "https://x", "upstreams.things: 'https://x' must begin with http://"),
        ("http://127.0.0.1:8081", "http://x/y", "upstreams.things: 'http://x/y' must end after host and port"),
        ("http://127.0.0.1:8081", "http://me@x", "upstreams.things: 'http://me@x' must name a host, and no user"),
        ("http://127.0.0.1:8081", "a b", "upstreams.things: 'a b' is no URL"),
    ] {
        let error = rejection(&with(old, new));
        assert!(error.starts_with(expected), "{error}");
    }
    for key in ["in_flight", "connect_attempts"] {
        let error = rejection(&format!("{MINIMAL}[limits]\n{key} = 0\n"));
        assert_eq!(error, format!("limits.{key}: must be at least 1"));
    }
}

#[test]
fn the_buffers_must_have_room_for_one_body() {
    let error = rejection(&format!("{MINIMAL}[limits]\nuploads = 65535\n"));
    assert_eq!(error, "limits.request_buffer_bytes: must have room for one body at least (limits.body)");
}

#[test]
fn credentials_do_not_go_with_a_star() {
    let cors = |line: &str| format!("{MINIMAL}[cors]\norigins = []\nmethods = [\"GET\"]\n{line}\n");
    for line in ["headers = [\"*\"]", "expose = [\"*\"]"] {
        let error = rejection(&cors(&format!("{line}\ncredentials = true")));
        assert_eq!(error, "cors.credentials: methods, headers and expose must be named then, not *");
        assert!(parse(&cors(line)).is_ok());
    }
    assert!(
        parse(&cors("credentials = true").replace("methods = [\"GET\"]\ncred", "methods = [\"*\"]\ncred")).is_err()
    );
}

#[test]
fn routes_that_cover_the_same_paths_are_refused() {
    let second =
        |path: &str| format!("{MINIMAL}[[routes]]\npath = \"{path}\"\nupstream = \"things\"\nmethods = [\"GET\"]\n");
    assert_eq!(
        rejection(&second("/things")),
        "routes[1].path: /things and routes[0].path (/things) cover the same paths"
    );
    assert!(parse(&second("/things/*/events")).is_ok() && parse(&second("/things/*")).is_ok());
}

#[test]
fn an_alias_is_the_name_of_one_plain_path_alone() {
    let with = |route: &str| format!("{MINIMAL}[[routes]]\nupstream = \"things\"\nmethods = [\"GET\"]\n{route}\n");
    let config = parse(&with("path = \"/lists\"\naliases = [\"/Lists\"]")).unwrap();
    assert_eq!(config.routes[1].aliases[0].to_string(), "/Lists");
    let star = "routes[1].aliases: neither a path that has aliases nor an alias may have a *";
    for (route, expected) in [
        (
            "path = \"/lists\"\naliases = [\"/things\"]",
            "routes[1].aliases: /things and routes[0].path (/things) cover the same paths",
        ),
        ("path = \"/lists\"\naliases = [\"/metrics\"]", "routes[1].aliases: /metrics is the gateway's own"),
        ("path = \"/lists\"\naliases = [\"lists\"]", "routes[1].aliases: 'lists' the path must start with /"),
        ("path = \"/lists\"\naliases = [\"/Lists/*\"]", star),
        ("path = \"/lists/*\"\naliases = [\"/Lists\"]", star),
    ] {
        assert_eq!(rejection(&with(route)), expected);
    }
}

#[test]
fn a_file_without_routes_is_refused() {
    assert_eq!(rejection("routes = []\n[upstreams]\n"), "routes: none is given");
}

#[test]
fn the_example_in_the_readme_is_valid_and_shows_the_default_limits() {
    let readme = include_str!("../../README.md");
    let example = readme.split("```").find_map(|block| block.strip_prefix("toml\n")).unwrap();
    let config = parse(example).unwrap();
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.routes.len(), 3);
    assert!(config.cors.is_some());
}

#[test]
fn without_an_issuer_authentication_is_disabled() {
    assert!(parse(MINIMAL).unwrap().identity.is_none());
    let only_rules = format!("{MINIMAL}\n[identity]\nroles = \"groups\"\nleeway = \"5s\"\n");
    assert!(parse(&only_rules).unwrap().identity.is_none());
}

#[test]
fn the_environment_names_the_issuer_too() {
    let environment = |name: &str| match name {
        "IDENTITY_ISSUER" => Some("https://id.example/realms/r".to_owned()),
        "IDENTITY_AUDIENCE" => Some("things".to_owned()),
        "IDENTITY_KEYS_FILE" => Some(String::new()),
        _ => None,
    };
    let trusted = Config::parse(MINIMAL, environment).unwrap().identity.unwrap();
    assert_eq!(
        (trusted.rules.issuer.as_str(), trusted.rules.audience.as_str()),
        ("https://id.example/realms/r", "things")
    );
    assert_eq!(trusted.rules.leeway, Duration::from_secs(30));
    let identity::KeySource::Provider(settings) = trusted.keys else { panic!("a file") };
    assert_eq!(settings.url, "https://id.example/realms/r");
    assert_eq!((settings.refresh, settings.refetch), (Duration::from_mins(10), Duration::from_secs(10)));
    let most = (settings.max_key_age, settings.max_keys, settings.max_key_set);
    assert_eq!(most, (Duration::from_hours(24), 1000, 1024 * 1024));
}

#[test]
fn an_insecure_identity_section_is_rejected() {
    for (lines, expected) in [
        ("audience = \"things\"", "identity.issuer: is missing: without it the gateway would be open"),
        ("issuer = \"https://id.example\"", "identity.audience: is missing: tokens that the issuer makes for others"),
        ("issuer = \"id.example\"\naudience = \"x\"", "identity.issuer: 'id.example' must begin with https://"),
        (
            "issuer = \"https://a\"\naudience = \"x\"\ndiscovery = \"ftp://b\"",
            "identity.discovery: 'ftp://b' must begin",
        ),
        (
            "issuer = \"https://a\"\naudience = \"x\"\ndiscovery = \"https://b\"\nkeys_file = \"f\"",
            "exclude each other",
        ),
        ("algorithms = [\"none\"]", "'none'"),
        ("leeway = \"0s\"", "must be longer than zero"),
        ("roles = \"\"", "identity.roles: '' names no claim"),
        ("roles = \"/a~2\"", "identity.roles: '/a~2' is no JSON Pointer"),
        ("roles = \"https://shop.example/roles\"", "as a JSON Pointer it is '/https:~1~1shop.example~1roles'"),
        (
            "issuer = \"https://a\"\naudience = \"x\"\nmax_key_age = \"9m\"",
            "identity.max_key_age: must not be shorter than refresh",
        ),
        ("max_keys = 0", "max_keys"),
        ("audiense = \"x\"", "unknown field `audiense`"),
    ] {
        let said = rejection(&format!("{MINIMAL}\n[identity]\n{lines}\n"));
        assert!(said.contains(expected), "{lines}: {said}");
    }
}

#[test]
fn rates_are_shared_own_or_none_and_the_environment_may_set_the_shared_one() {
    let text = with("methods = [\"GET\", \"POST\"]", "methods = [\"GET\"]\nrate = \"5/1s\"");
    let config = parse(&text).unwrap();
    assert_eq!(config.limits.rate, Some("1000/1s".parse().unwrap()), "the default");
    assert_eq!(config.routes[0].rate, RouteRate::Own("5/1s".parse().unwrap()));
    assert_eq!(parse(&text.replace("5/1s", "none")).unwrap().routes[0].rate, RouteRate::Unlimited);
    assert_eq!(parse(MINIMAL).unwrap().routes[0].rate, RouteRate::Shared);
    let set =
        |rate: &'static str| Config::parse(MINIMAL, move |name| (name == "GATEWAY_RATE").then(|| rate.to_owned()));
    assert_eq!(set("none").unwrap().limits.rate, None);
    assert_eq!(set("7/1m").unwrap().limits.rate, Some("7/1m".parse().unwrap()));
    assert!(set("7").unwrap_err().to_string().starts_with("GATEWAY_RATE: '7' must be a number, a slash and a time"));
    let said = rejection(&text.replace("5/1s", "5"));
    assert!(said.contains("'5' must be a number, a slash and a time"), "{said}");
}

#[test]
fn a_route_may_have_limits_of_its_own() {
    let text = with("methods = [\"GET\", \"POST\"]", "methods = [\"GET\"]\nbody = 10\nin_flight = 3");
    let route = &parse(&text).unwrap().routes[0];
    assert_eq!((route.body, route.in_flight), (10, 3));
    let route = &parse(MINIMAL).unwrap().routes[0];
    assert_eq!((route.body, route.in_flight), (65_536, 512));
    assert!(
        rejection(&text.replace("in_flight = 3", "in_flight = 0")).contains("routes[0].in_flight: must be at least 1")
    );
    assert!(rejection(&text.replace("body = 10", "body = 99999999")).contains("routes[0].body: must not be more than"));
}

#[test]
fn a_service_may_have_several_addresses_also_from_the_environment() {
    let text = with("\"http://127.0.0.1:8081\"", "[\"http://a:1\", \"http://b:2/\"]");
    let addresses = |config: &Config| config.upstreams[0].addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(addresses(&parse(&text).unwrap()), ["a:1", "b:2"]);
    let set =
        |urls: &'static str| Config::parse(MINIMAL, move |name| (name == "UPSTREAM_THINGS").then(|| urls.to_owned()));
    assert_eq!(addresses(&set("http://c:1, http://d:2").unwrap()), ["c:1", "d:2"]);
    assert!(set("http://c:1,,").unwrap_err().to_string().starts_with("UPSTREAM_THINGS: '' "));
    assert_eq!(rejection(&with("\"http://127.0.0.1:8081\"", "[]")), "upstreams.things: names no address");
}

#[test]
fn a_share_is_the_default_or_a_routes_own_and_the_environment_may_set_the_default() {
    let text = with("methods", "share = \"7%\"\nmethods")
        + "[[routes]]\npath = \"/others\"\nupstream = \"things\"\nmethods = [\"GET\"]\n";
    let shares = |environment: Option<&'static str>| {
        let environment = move |name: &str| environment.filter(|_| name == "GATEWAY_SHARE").map(str::to_owned);
        let config = Config::parse(&text, environment).map_err(|error| error.to_string())?;
        Ok(config.routes.iter().map(|route| route.share.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(shares(None), Ok(vec!["7%".to_owned(), "25%".to_owned()]));
    assert_eq!(shares(Some("50%")), Ok(vec!["7%".to_owned(), "50%".to_owned()]));
    let refused: Result<_, String> = shares(Some("0%"));
    assert_eq!(refused.unwrap_err(), "GATEWAY_SHARE: '0%' must be from \"1%\" to \"100%\"");
}

#[test]
fn shares_and_connections_that_make_no_sense_are_refused() {
    for (line, key) in [
        ("share = \"101%\"", "share"),
        ("share = 25", "share"),
        ("grpc_connections = 0", "limits.grpc_connections"),
        ("grpc_connections = 65", "limits.grpc_connections"),
    ] {
        let said = rejection(&format!("{MINIMAL}[limits]\n{line}\n"));
        assert!(said.contains(key), "{line}: {said}");
    }
}
