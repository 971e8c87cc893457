use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Whether the brokers have let this process in.
///
/// One that is away is waited for, and the outbox keeps what is said. One that refuses a process from its start on is a
/// matter of settings: such a process must not take the place of one that was let in.
#[derive(Clone, Default)]
pub(crate) struct Admission(Arc<Mutex<State>>);

#[derive(Clone, Default)]
enum State {
    #[default]
    Unknown,
    Refused(String),
    LetIn,
}

impl Admission {
    pub(crate) fn let_in(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::LetIn;
    }

    /// Takes note of what a client is told.
    pub(crate) fn note(&self, error: &KafkaError, reason: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_refusal(error, reason) && !matches!(*state, State::LetIn) {
            *state = State::Refused(reason.to_owned());
        }
    }

    /// Why they have refused it, if they have never let it in.
    pub(crate) fn refusal(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Refused(reason) => Some(reason.clone()),
            State::Unknown | State::LetIn => None,
        }
    }
}

/// Certificates, passwords, or a plain word to a port that wants TLS. Some of it librdkafka counts as a broken connection,
/// and says only in words that TLS was the matter, or may have been.
fn is_refusal(error: &KafkaError, reason: &str) -> bool {
    use RDKafkaErrorCode::{Authentication, SSL, SaslAuthenticationFailed};
    matches!(error.rdkafka_error_code(), Some(SSL | Authentication | SaslAuthenticationFailed))
        || ["SSL", "security.protocol"].iter().any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_let_in_once_is_not_refused_later_and_who_is_away_does_not_refuse() {
        let admission = Admission::default();
        let away = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        admission.note(&away, "connection refused");
        assert_eq!(admission.refusal(), None);
        admission.note(&away, "Receive failed: SSL alert number 42");
        assert_eq!(admission.refusal().as_deref(), Some("Receive failed: SSL alert number 42"));
        let refused = KafkaError::Global(RDKafkaErrorCode::Authentication);
        admission.note(&refused, "wrong password");
        assert_eq!(admission.refusal().as_deref(), Some("wrong password"));
        admission.let_in();
        admission.note(&refused, "wrong password");
        assert_eq!(admission.refusal(), None);
    }
}
