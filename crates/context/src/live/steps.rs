use std::fmt;
use std::str::FromStr;

/// The maximum number of steps of a case.
const MAX_STEPS: usize = 6;

const ALL_STEPS: u8 = (1 << MAX_STEPS) - 1;

/// The known steps of an epoch, in the order in which they became known. A step is its place among all steps, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLog {
    epoch: i64,
    order: Vec<usize>,
}

impl StepLog {
    /// The log of an epoch: its [`record`](Self::record), and whether each step is known.
    ///
    /// A record may be older than the row, as earlier versions wrote rows without it. Known steps that are not recorded
    /// follow in their own order. Recorded steps that are not known are left out.
    pub fn new(epoch: i64, record: &str, known: &[bool]) -> Self {
        let recorded = record.chars().filter_map(|digit| Some(digit.to_digit(10)?.checked_sub(1)? as usize));
        let mut order = Vec::new();
        for step in recorded.chain(0..known.len()) {
            if known.get(step) == Some(&true) && !order.contains(&step) {
                order.push(step);
            }
        }
        Self { epoch, order }
    }

    /// The order as text: a digit for each step, its place from 1.
    pub fn record(&self) -> String {
        self.order.iter().filter_map(|step| char::from_digit(u32::try_from(step + 1).ok()?, 10)).collect()
    }

    /// The steps that follow a position, each with the position after it.
    ///
    /// A later epoch begins anew. Nothing follows a position of a later epoch, or one that includes a step that is not
    /// known: the row is being rebuilt, and is not yet what it will be.
    pub fn after(&self, position: Position) -> Vec<(Position, usize)> {
        if position.epoch > self.epoch {
            return Vec::new();
        }
        let mut position =
            if position.epoch == self.epoch { position.among(&self.order) } else { Position::start_of(self.epoch) };
        if !position.steps().all(|step| self.order.contains(&step)) {
            return Vec::new();
        }
        let mut following = Vec::new();
        for step in &self.order {
            if !position.includes(*step) {
                position = position.with(*step);
                following.push((position, *step));
            }
        }
        following
    }
}

/// A position in the live stream of a row: the id of a message. It is the set of the steps that were sent.
///
/// The text has two parts, such as `711-03`. The first is the epoch, followed by two digits for the set of steps, this
/// message included: the sum of 1, 2, 4, … for the first, second, third, … step. The second is the number of steps. The
/// set makes the stream exact after a rebuild, which may change the order of the steps.
///
/// Ids of the version before, such as `7-3`, are read too: all steps of epoch 7 up to the third. A replica of that version
/// reads an id of this one as a position of an unknown epoch, and sends all steps again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    epoch: i64,
    /// A bit for each step.
    steps: u8,
    /// From an id of the version before: some of the steps may never have happened.
    is_earlier: bool,
}

/// The text is the id of no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPosition;

impl Position {
    const fn start_of(epoch: i64) -> Self {
        Self { epoch, steps: 0, is_earlier: false }
    }

    const fn includes(self, step: usize) -> bool {
        self.steps & (1 << step) != 0
    }

    const fn with(self, step: usize) -> Self {
        Self { steps: self.steps | (1 << step), ..self }
    }

    /// The same position, given the known steps: an id of the version before includes only steps that are known.
    fn among(self, known: &[usize]) -> Self {
        if !self.is_earlier {
            return self;
        }
        let sent = known.iter().copied().filter(|step| self.includes(*step));
        sent.fold(Self::start_of(self.epoch), Self::with)
    }

    fn steps(self) -> impl Iterator<Item = usize> {
        (0..MAX_STEPS).filter(move |step| self.includes(*step))
    }

    const fn count(self) -> u32 {
        self.steps.count_ones()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_earlier {
            return write!(f, "{}-{}", self.epoch, self.count());
        }
        write!(f, "{}{:02}-0{}", self.epoch, self.steps, self.count())
    }
}

impl FromStr for Position {
    type Err = UnknownPosition;

    fn from_str(text: &str) -> Result<Self, UnknownPosition> {
        let (front, count) = text.split_once('-').ok_or(UnknownPosition)?;
        let position = match count.as_bytes() {
            [b'0', count] => read(front).filter(|position| position.count() == digit(*count)),
            [place] => read_earlier(front, digit(*place)),
            _ => None,
        };
        position.ok_or(UnknownPosition)
    }
}

fn read(front: &str) -> Option<Position> {
    let (epoch, steps) = front.split_at_checked(front.len().checked_sub(2)?)?;
    let steps = number(steps).filter(|steps| *steps <= ALL_STEPS)?;
    Some(Position { epoch: number(epoch)?, steps, is_earlier: false })
}

/// An id of the version before: an epoch and the furthest step.
fn read_earlier(front: &str, place: u32) -> Option<Position> {
    let steps = (place as usize <= MAX_STEPS).then(|| (1 << place) - 1)?;
    Some(Position { epoch: number(front)?, steps, is_earlier: true })
}

/// Digits alone: no sign.
fn number<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The value of a digit; of anything else, more than any digit.
fn digit(byte: u8) -> u32 {
    char::from(byte).to_digit(10).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log of epoch 7 with these steps.
    fn log(record: &str, steps: &[usize]) -> StepLog {
        StepLog::new(7, record, &[0, 1, 2, 3, 4, 5].map(|step| steps.contains(&step)))
    }

    fn following(log: &StepLog, position: &str) -> Vec<usize> {
        log.after(position.parse().unwrap()).into_iter().map(|(_, step)| step).collect()
    }

    #[test]
    fn nothing_follows_while_the_row_does_not_have_a_step_that_was_sent() {
        assert_eq!(following(&log("", &[0, 1, 2]), "718-02"), [0_usize; 0]);
        assert_eq!(following(&log("", &[0, 1, 2, 3, 4]), "718-02"), [0, 2, 3]);
        assert_eq!(following(&log("", &[0, 1, 2]), "800-00"), [0_usize; 0]);
        assert_eq!(following(&log("", &[0]), "611-03"), [0]);
    }

    #[test]
    fn an_id_of_the_version_before_that_passed_over_a_step_goes_on() {
        let following = log("", &[0, 1, 3, 4]).after("7-4".parse().unwrap());
        assert_eq!(following.len(), 1);
        assert_eq!((following[0].0.to_string().as_str(), following[0].1), ("727-04", 4));
    }

    #[test]
    fn a_record_reads_back_and_one_that_is_older_than_its_row_is_completed() {
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(log("214365", &all).record(), "214365");
        assert_eq!(log("", &all).record(), "123456", "of a version that wrote none");
        assert_eq!(log("642", &all).record(), "642135");
        assert_eq!(log("6421", &[0, 1]).record(), "21", "of an earlier epoch");
        assert_eq!(log("x0229", &[0, 1]).record(), "21", "invalid");
    }

    #[test]
    fn the_id_of_a_message_reads_back_and_any_other_text_is_rejected() {
        for epoch in [0, 7, 1_611_131_400_000_000, i64::MAX] {
            for steps in 0..=ALL_STEPS {
                let position = Position { epoch, steps, is_earlier: false };
                assert_eq!(position.to_string().parse(), Ok(position));
            }
        }
        assert_eq!(Position::start_of(7).with(1).with(0).with(3).with(1).to_string(), "711-03");
        for text in [
            "",
            "7",
            "7-",
            "7-7",
            "x-1",
            "7-1-2",
            "-7-3",
            "+7-3",
            "7-+3",
            "7-003",
            "711-02",
            "764-01",
            "11-02",
            "7-03",
            "-03",
            "7é-01",
            "711-0３",
            "9223372036854775808-1",
            "922337203685477580801-01",
        ] {
            assert_eq!(text.parse::<Position>(), Err(UnknownPosition), "{text}");
        }
    }

    #[test]
    fn an_id_of_the_version_before_includes_all_steps_up_to_its_own() {
        for (place, steps) in [0, 1, 3, 7, 15, 31, 63].into_iter().enumerate() {
            let text = format!("7-{place}");
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
            assert_eq!(text.parse(), Ok(Position { epoch: 7, steps, is_earlier: true }));
        }
    }

    /// It split the text at the dash, and accepted any epoch and a step from 0 to 6.
    #[test]
    fn the_version_before_does_not_reject_an_id_of_this_one() {
        let position = Position { epoch: 1_611_131_400_000_000, steps: 11, is_earlier: false };
        let text = position.to_string();
        let (epoch, step) = text.split_once('-').unwrap();
        assert!(epoch.parse::<i64>().is_ok_and(|epoch| epoch != position.epoch), "{text}");
        assert!(step.parse::<usize>().is_ok_and(|step| step <= MAX_STEPS), "{text}");
    }
}
