use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Whether the brokers have accepted this process as a client.
///
/// An unavailable broker is waited for, while events stay in the outbox. A rejection since the start of the process is a
/// mistake in its settings: such a process is not ready, so that it does not replace one that works.
#[derive(Clone, Default)]
pub(crate) struct Admission(Arc<Mutex<State>>);

#[derive(Clone, Default)]
enum State {
    #[default]
    Unknown,
    Rejected(String),
    Accepted,
}

impl Admission {
    pub(crate) fn accept(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Accepted;
    }

    /// Records an error of a client. After the process has been accepted once, no error counts as a rejection.
    pub(crate) fn record_error(&self, error: &KafkaError, reason: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_rejection(error, reason) && !matches!(*state, State::Accepted) {
            *state = State::Rejected(reason.to_owned());
        }
    }

    /// The reason of the rejection, if the process has never been accepted.
    pub(crate) fn rejection(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Rejected(reason) => Some(reason.clone()),
            State::Unknown | State::Accepted => None,
        }
    }
}

/// Certificates, passwords, or plaintext on a TLS port. librdkafka reports some of these as a transport failure, and names TLS
/// only in the text.
fn is_rejection(error: &KafkaError, reason: &str) -> bool {
    use RDKafkaErrorCode::{Authentication, SSL, SaslAuthenticationFailed};
    matches!(error.rdkafka_error_code(), Some(SSL | Authentication | SaslAuthenticationFailed))
        || ["SSL", "security.protocol"].iter().any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_accepted_once_is_not_rejected_later_and_an_unavailable_broker_does_not_reject() {
        let admission = Admission::default();
        let unavailable = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        admission.record_error(&unavailable, "connection refused");
        assert_eq!(admission.rejection(), None);
        admission.record_error(&unavailable, "Receive failed: SSL alert number 42");
        assert_eq!(admission.rejection().as_deref(), Some("Receive failed: SSL alert number 42"));
        let rejected = KafkaError::Global(RDKafkaErrorCode::Authentication);
        admission.record_error(&rejected, "wrong password");
        assert_eq!(admission.rejection().as_deref(), Some("wrong password"));
        admission.accept();
        admission.record_error(&rejected, "wrong password");
        assert_eq!(admission.rejection(), None);
    }
}
