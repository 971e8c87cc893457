//! Reads that wait for what is not there yet.
//!
//! Tansu's own answer to a fetch comes only when the time that the consumer would wait is over, whether there are
//! records or not, and asks the log for every partition each time. Here it comes with the first record, and
//! partitions without news are not asked for.

use crate::ends::{Changed, Ends, Moment, TopicId};
use rama::{Context, Service};
use std::{sync::Arc, time::Duration};
use tansu_sans_io::{
    ErrorCode, FetchRequest, FetchResponse,
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::{FetchableTopicResponse, PartitionData},
};
use tansu_storage::{Error, FetchService, Storage};
use tokio::time::{Instant, timeout_at};

/// Answers fetches.
pub struct WaitingFetch(pub Arc<Ends>);

impl<S: Storage> Service<S, FetchRequest> for WaitingFetch {
    type Response = FetchResponse;
    type Error = Error;

    async fn serve(&self, context: Context<S>, request: FetchRequest) -> Result<FetchResponse, Error> {
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
        let until = Instant::now() + wait;
        let mut changes = self.0.watch();
        loop {
            changes.mark_unchanged();
            let response = self.read(&context, &request).await?;
            if has_news(&response) || timeout_at(until, changes.changed()).await.is_err() {
                return Ok(response);
            }
        }
    }
}

impl WaitingFetch {
    async fn read<S: Storage>(&self, context: &Context<S>, request: &FetchRequest) -> Result<FetchResponse, Error> {
        let moment = self.0.moment();
        self.learn_names(moment, context.state(), request).await?;
        let topics = request.topics.iter().flatten();
        let (answers, questions): (Vec<_>, Vec<_>) = topics.map(|topic| self.split(topic)).unzip();
        let mut answers: Vec<FetchableTopicResponse> = answers.into_iter().flatten().collect();
        let questions: Vec<FetchTopic> = questions.into_iter().flatten().collect();
        if !questions.is_empty() {
            let request = request.clone().max_wait_ms(0).topics(Some(questions));
            let response = FetchService.serve(context.clone(), request).await?;
            self.keep(moment, &response);
            merge(&mut answers, response.responses.unwrap_or_default());
        }
        Ok(FetchResponse::default()
            .throttle_time_ms(Some(0))
            .error_code(Some(ErrorCode::None.into()))
            .session_id(Some(0))
            .node_endpoints(Some(Vec::new()))
            .responses(Some(answers)))
    }

    async fn learn_names<S: Storage>(&self, moment: Moment, log: &S, request: &FetchRequest) -> Result<(), Error> {
        let topics = request.topics.iter().flatten();
        for (topic, id) in topics.filter_map(|topic| Some((topic, topic.topic_id?))) {
            if self.0.name(&id).is_none() {
                let found = log.metadata(Some(&[topic.into()])).await?;
                if let Some(name) = found.topics().first().and_then(|topic| topic.name.clone()) {
                    self.0.keep_name(moment, id, name);
                }
            }
        }
        Ok(())
    }

    /// The topic's name, however it was asked for. `None` where there is no such topic.
    fn name(&self, name: Option<&String>, id: Option<&TopicId>) -> Option<String> {
        name.cloned().or_else(|| self.0.name(id?))
    }

    /// What is known of a topic's partitions, and what has to be asked for.
    fn split(&self, topic: &FetchTopic) -> (Option<FetchableTopicResponse>, Option<FetchTopic>) {
        let Some(name) = self.name(topic.topic.as_ref(), topic.topic_id.as_ref()) else {
            return (None, Some(topic.clone()));
        };
        let mut answers = Vec::new();
        let mut questions: Vec<FetchPartition> = Vec::new();
        for partition in topic.partitions.iter().flatten() {
            match self.0.at_end(&name, partition.partition, partition.fetch_offset) {
                Some(answer) => answers.push(answer),
                None => questions.push(partition.clone()),
            }
        }
        let answer = FetchableTopicResponse::default().topic(topic.topic.clone()).topic_id(topic.topic_id);
        let answer = (!answers.is_empty()).then(|| answer.partitions(Some(answers)));
        let question = (!questions.is_empty()).then(|| topic.clone().partitions(Some(questions)));
        (answer, question)
    }

    fn keep(&self, moment: Moment, response: &FetchResponse) {
        for topic in response.responses.iter().flatten() {
            let Some(name) = self.name(topic.topic.as_ref(), topic.topic_id.as_ref()) else { continue };
            for partition in topic.partitions.iter().flatten() {
                self.0.keep(moment, &name, partition);
            }
        }
    }
}

/// Puts partitions of the same topic together.
fn merge(answers: &mut Vec<FetchableTopicResponse>, more: Vec<FetchableTopicResponse>) {
    for topic in more {
        match answers.iter_mut().find(|answer| is_same(answer, &topic)) {
            Some(answer) => answer.partitions.get_or_insert_default().extend(topic.partitions.unwrap_or_default()),
            None => answers.push(topic),
        }
    }
}

fn is_same(one: &FetchableTopicResponse, other: &FetchableTopicResponse) -> bool {
    one.topic == other.topic && (one.topic.is_some() || one.topic_id == other.topic_id)
}

fn has_news(response: &FetchResponse) -> bool {
    let topics = response.responses.iter().flatten();
    let news = |data: &PartitionData| data.records.is_some() || data.error_code != 0;
    topics.flat_map(|topic| topic.partitions.iter().flatten()).any(news)
}

/// A service of Tansu's that changes the log.
pub struct Telling<I, R> {
    /// What does it.
    pub inner: I,
    /// Who wants to know.
    pub ends: Arc<Ends>,
    /// What a request is going to change.
    pub what: fn(&R) -> Changed,
}

impl<I, R, S> Service<S, R> for Telling<I, R>
where
    I: Service<S, R>,
    R: Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    type Response = I::Response;
    type Error = I::Error;

    async fn serve(&self, context: Context<S>, request: R) -> Result<I::Response, I::Error> {
        let _told_after = self.ends.changing((self.what)(&request));
        self.inner.serve(context, request).await
    }
}
