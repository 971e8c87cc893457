use std::io;
use std::thread;

use proptest::prelude::*;
use tokio::time::advance;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

const INTERVAL: Duration = Duration::from_secs(10);

/// A captured log.
#[derive(Clone)]
struct Log {
    limit: Arc<LogLimit>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    fn new(burst: u32) -> (Self, Dispatch) {
        let log = Self { limit: Arc::new(LogLimit::new(burst, INTERVAL)), written: Arc::default() };
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false).without_time();
        let lines = lines.with_writer(move || writer.clone()).finish();
        let dispatch = Dispatch::new(lines.with(Arc::clone(&log.limit).layer()));
        (log, dispatch)
    }

    /// The number of lines that contain this text.
    fn count(&self, text: &str) -> usize {
        let written = self.written.lock().unwrap();
        str::from_utf8(&written).unwrap().lines().filter(|line| line.contains(text)).count()
    }

    /// The reported counts of suppressed lines.
    fn suppressed(&self) -> Vec<u64> {
        let written = self.written.lock().unwrap();
        let counts = str::from_utf8(&written).unwrap().lines().filter_map(|line| line.split_once("suppressed="));
        counts.map(|(_, rest)| rest.split_once(' ').unwrap().0.parse().unwrap()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fail(number: u64) {
    tracing::warn!(number, "it failed");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_lines_of_one_call_site_are_a_few_and_a_count() {
    let (log, dispatch) = Log::new(20);
    with_default(&dispatch, || (0..10_000).for_each(fail));
    assert_eq!((log.count("it failed"), log.count("")), (20, 20));
    with_default(&dispatch, || log.limit.report());
    assert_eq!((log.count(""), log.suppressed()), (21, vec![9_980]));
    assert_eq!(log.count("log_limit_tests.rs:"), 1);
    assert_eq!(log.count("WARN log_limit: lines of one call site were suppressed"), 1);
    with_default(&dispatch, || log.limit.report());
    assert_eq!(log.count(""), 21, "what was counted is not counted again");
}

#[tokio::test(start_paused = true)]
async fn other_call_sites_have_their_own_lines() {
    let (log, dispatch) = Log::new(2);
    with_default(&dispatch, || {
        (0..100).for_each(fail);
        tracing::warn!("authentication is DISABLED");
        tracing::error!("it failed in another way");
        tracing::info!("serving");
    });
    assert_eq!(
        [log.count("it failed number"), log.count("DISABLED"), log.count("another way"), log.count("serving")],
        [2, 1, 1, 1]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_interval_has_lines_again_and_no_count_is_lost_over_it() {
    let (log, dispatch) = Log::new(3);
    for interval in 1..=4 {
        with_default(&dispatch, || (0..10).for_each(fail));
        assert_eq!(log.count("it failed"), 3 * interval);
        advance(INTERVAL).await;
    }
    with_default(&dispatch, || log.limit.report());
    assert_eq!(log.suppressed(), [28]);
}

#[tokio::test(start_paused = true)]
async fn lines_below_info_are_not_limited_nor_is_anything_without_a_limit() {
    let (log, dispatch) = Log::new(1);
    with_default(&dispatch, || (0..50).for_each(|number| tracing::debug!(number, "seen")));
    assert_eq!(log.count("seen"), 50);
    let (log, dispatch) = Log::new(0);
    with_default(&dispatch, || (0..50).for_each(fail));
    assert_eq!(log.count("it failed"), 50);
}

#[tokio::test(start_paused = true)]
async fn a_count_has_the_level_of_what_it_counts() {
    let (log, dispatch) = Log::new(1);
    with_default(&dispatch, || {
        (0..3).for_each(|_| tracing::error!("broken"));
        (0..4).for_each(|_| tracing::info!("done"));
        log.limit.report();
    });
    let mut suppressed = log.suppressed();
    suppressed.sort_unstable();
    assert_eq!(suppressed, [2, 3]);
    assert_eq!((log.count("ERROR log_limit"), log.count("INFO log_limit")), (1, 1));
}

#[test]
fn lines_of_the_crate_log_are_limited_per_target_up_to_a_bound() {
    let limit = LogLimit::new(1, INTERVAL);
    let (callsite, metadata, now) = callsite();
    let admit = |target: String| limit.admit(CallSite { callsite, target: Some(target) }, metadata, now);
    assert!(admit("librdkafka".to_owned()) && !admit("librdkafka".to_owned()) && admit("rustls".to_owned()));
    let passed = (0..10_000).filter(|number| admit(format!("target {number}"))).count();
    assert_eq!(limit.sites.lock().unwrap().len(), MAX_TARGETS + 1);
    assert_eq!(passed, MAX_TARGETS - 2 + 1);
    assert_eq!(limit.drain().iter().map(|one| one.lines).sum::<u64>(), 10_003 - 2 - u64::try_from(passed).unwrap());
}

/// Any call site.
fn callsite() -> (usize, &'static Metadata<'static>, Instant) {
    let span = with_default(&Dispatch::new(tracing_subscriber::registry()), || tracing::warn_span!("here"));
    let metadata = span.metadata().unwrap();
    (std::ptr::from_ref(metadata).addr(), metadata, Instant::now())
}

#[test]
fn from_many_threads_at_once_each_line_is_written_or_counted() {
    let (log, dispatch) = Log::new(7);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| with_default(&dispatch, || (0..2_000).for_each(fail)));
        }
        // Reported while they are logged.
        scope.spawn(|| with_default(&dispatch, || (0..50).for_each(|_| log.limit.report())));
    });
    with_default(&dispatch, || log.limit.report());
    let written = u64::try_from(log.count("it failed")).unwrap();
    assert_eq!(written + log.suppressed().iter().sum::<u64>(), 16_000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_no_interval_are_more_lines_than_so_many_and_none_is_lost(
        burst in 1_u32..6,
        steps in prop::collection::vec((0_u64..12_000, 1_u32..12, any::<bool>()), 1..40),
    ) {
        let limit = LogLimit::new(burst, INTERVAL);
        let (callsite, metadata, mut now) = callsite();
        let site = CallSite { callsite, target: None };
        let (mut passed, mut counted, mut began) = (0, 0, None);
        let (mut all, mut in_interval) = (0, 0);
        for (pause, count, report) in steps {
            now += Duration::from_millis(pause);
            for _ in 0..count {
                if now - *began.get_or_insert(now) >= INTERVAL {
                    (began, in_interval) = (Some(now), 0);
                }
                let admitted = u64::from(limit.admit(site.clone(), metadata, now));
                passed += admitted;
                in_interval += admitted;
                prop_assert!(in_interval <= u64::from(burst));
            }
            if report {
                counted += limit.drain().iter().map(|one| one.lines).sum::<u64>();
            }
            all += u64::from(count);
        }
        counted += limit.drain().iter().map(|one| one.lines).sum::<u64>();
        prop_assert_eq!(passed + counted, all);
    }
}
