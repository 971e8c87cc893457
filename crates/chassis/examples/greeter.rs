//! A minimal service: `cargo run -p chassis --example greeter`, then `curl -i localhost:8080/greetings/1`.

use anyhow::ensure;
use axum::routing::get;
use axum::{Json, Router};
use chassis::body::Id;
use clap::Parser;
use serde_json::json;

/// A greeter, as an example of a service.
#[derive(Parser)]
struct Settings {
    /// The greeting.
    #[arg(long, env = "GREETING", default_value = "hello")]
    greeting: String,

    #[command(flatten)]
    chassis: chassis::Config,
}

fn main() -> std::process::ExitCode {
    let Settings { greeting, chassis } = Settings::parse();
    chassis::run("greeter", chassis, async |host| {
        ensure!(!greeting.is_empty(), "there is no greeting (set by GREETING)");
        let stopping = host.stopping();
        host.spawn("idler", async move { stopping.cancelled().await });
        let greet = async move |Id(id): Id| Json(json!({ "id": id, "greeting": greeting }));
        Ok(Router::new().route("/greetings/{id}", get(greet)))
    })
}
