//! The servers, and fleets on them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use testkit::{Fleet, FleetTemplate, Parts, eventually};

use matching_tests::SOON;

/// One test at a time: they share the servers, and a machine has only so many cores.
static ALONE: Mutex<()> = Mutex::new(());

/// Where the servers are, and the folder with their certificates and passwords.
pub struct Site {
    folder: PathBuf,
    /// Kafka's first port: the others are counted from it.
    port: u16,
    /// A URL for PostgreSQL's superuser.
    pub superuser: String,
}

/// Runs a test if there are such servers.
#[expect(clippy::needless_pass_by_value, reason = "a test is written where this is called")]
pub fn on_site(test: impl AsyncFn(&Site) -> Result<()>) {
    let Some(folder) = env::var_os("FLOTILLA_TEST_SECURED") else {
        eprintln!("left out: FLOTILLA_TEST_SECURED is not set (scripts/secured-parts)");
        return;
    };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let site = Site::new(folder.into()).expect("what scripts/secured-parts prints");
    let outcome = runtime.expect("a runtime").block_on(test(&site));
    outcome.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Runs a test on a fleet of which nothing runs yet.
#[expect(clippy::needless_pass_by_value, reason = "a test is written where this is called")]
pub fn on_fleet(test: impl AsyncFn(&Site, &mut Fleet) -> Result<()>) {
    on_site(async |site| {
        let mut fleet = site.fleet().await?;
        let outcome = test(site, &mut fleet).await;
        let outcome =
            outcome.with_context(|| fleet.contexts().iter().map(|name| tail(&fleet, name)).collect::<String>());
        let ended = fleet.end().await;
        outcome.and(ended)
    });
}

impl Site {
    fn new(folder: PathBuf) -> Result<Self> {
        let kafka = variable("FLOTILLA_TEST_KAFKA")?;
        let port = kafka.rsplit_once(':').context("host:port")?.1.parse()?;
        Ok(Self { folder, port, superuser: variable("FLOTILLA_TEST_POSTGRES")? })
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The password of somebody.
    pub fn password(&self, of: &str) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join(format!("{of}.password")))?.trim().to_owned())
    }

    /// Kafka as it lets clients in, or at one of the ports beside that.
    pub fn kafka(&self, host: &str, beside: u16) -> String {
        format!("{host}:{}", self.port + beside)
    }

    /// Where PostgreSQL is.
    pub fn postgres(&self) -> String {
        format!("localhost:{}", self.port + 5)
    }

    async fn fleet(&self) -> Result<Fleet> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet.toml");
        let parts = Parts::servers(self.kafka("localhost", 0), self.superuser.clone());
        FleetTemplate::new(&manifest, binaries()?)?.fleet(&parts, "flotilla-secured").await
    }
}

/// The folder of the binaries: that of this test, or another one.
pub fn binaries() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("FLOTILLA_TEST_BINARIES") {
        return Ok(folder.into());
    }
    let exe = env::current_exe()?;
    Ok(exe.ancestors().nth(2).context("this binary is not where cargo builds")?.to_owned())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name}: scripts/secured-parts prints it"))
}

fn tail(fleet: &Fleet, name: &str) -> String {
    let log = fleet.log(name).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"))
}

/// Waits until a context lives, says that it is not ready, and says why; its log says so too. It goes on running.
pub async fn refused(fleet: &mut Fleet, name: &str, check: &str, reasons: &[&str]) -> Result<()> {
    let api = fleet.api(name)?;
    let told = eventually(SOON, "it is not ready, and says why", async || {
        let answer = api.get("/readyz").await?;
        ensure!(answer.status == 503, "{} {}", answer.status, answer.body);
        let told = answer.body["checks"][check].as_str().unwrap_or_default().to_owned();
        ensure!(reasons.iter().any(|reason| told.contains(reason)), "{}", answer.body);
        Ok(told)
    })
    .await?;
    assert_eq!(api.get("/livez").await?.status, 200);
    assert_eq!(fleet.ended(), [], "{told}");
    eventually(SOON, "its log says so too", async || {
        let log = fleet.log(name)?;
        ensure!(reasons.iter().any(|reason| log.contains(reason)), "{reasons:?} are not in it");
        Ok(())
    })
    .await
}
