//! Which request is answered by what: Tansu's own services, but for those that read and change the log, and for the
//! membership of consumer groups.

use crate::{
    ends::{Changed, Ends},
    frames::{Connection, FrameLimits},
    groups::Groups,
    records::Deliverable,
    waiting::{Telling, WaitingFetch},
};
use rama::{
    Layer, Service,
    layer::{MapErrLayer, MapStateLayer},
};
use std::sync::Arc;
use tansu_broker::{
    Error,
    service::{auth, coordinator, storage as tansu},
};
use tansu_sans_io::{
    ApiKey, Body, DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest, ProduceRequest, Request, Response,
};
use tansu_service::{BytesFrameLayer, FrameRequestLayer, FrameRouteBuilder, FrameRouteService};
use tansu_storage::{DeleteRecordsService, DeleteTopicsService, ProduceService, StorageContainer};

type Routes = FrameRouteBuilder<(), Error>;

/// What all connections share.
#[derive(Clone)]
pub struct Shared {
    /// The log.
    pub storage: StorageContainer,
    /// The consumer groups.
    pub groups: Groups,
    /// Where the log's partitions end.
    pub ends: Arc<Ends>,
    /// What frames may take.
    pub limits: FrameLimits,
}

impl Shared {
    /// Made anew for each connection.
    pub fn connection(&self) -> Result<Connection, Error> {
        let routes = self.reading_and_changing(FrameRouteService::<(), Error>::builder())?;
        let routes = self.unchanged(routes)?;
        let routes = auth::services(coordinator::services(routes, self.groups.clone())?)?.build()?;
        Ok(Connection { routes: BytesFrameLayer::default().into_layer(routes), limits: self.limits.clone() })
    }

    fn reading_and_changing(&self, routes: Routes) -> Result<Routes, Error> {
        let routes = self.route::<FetchRequest, _>(routes, WaitingFetch(Arc::clone(&self.ends)))?;
        let routes = self.route(routes, self.telling(Deliverable(ProduceService), produced))?;
        let routes =
            self.route(routes, self.telling(DeleteRecordsService, |_: &DeleteRecordsRequest| Changed::Everything))?;
        self.route(routes, self.telling(DeleteTopicsService, |_: &DeleteTopicsRequest| Changed::Everything))
    }

    /// What neither reads nor changes records. Transactions are left out: Tansu cannot commit them on SQLite.
    fn unchanged(&self, routes: Routes) -> Result<Routes, Error> {
        let all = [
            tansu::consumer_group_describe,
            tansu::create_topics,
            tansu::delete_groups,
            tansu::describe_cluster,
            tansu::describe_configs,
            tansu::describe_groups,
            tansu::describe_topic_partitions,
            tansu::find_coordinator,
            tansu::get_telemetry_subscriptions,
            tansu::incremental_alter_configs,
            tansu::init_producer_id,
            tansu::list_groups,
            tansu::list_offsets,
            tansu::list_partition_reassignments,
            tansu::metadata,
        ];
        all.into_iter().try_fold(routes, |routes, add| add(routes, self.storage.clone()))
    }

    fn telling<I, R>(&self, inner: I, what: fn(&R) -> Changed) -> Telling<I, R> {
        Telling { inner, ends: Arc::clone(&self.ends), what }
    }

    fn route<R, I>(&self, routes: Routes, service: I) -> Result<Routes, Error>
    where
        R: Request + ApiKey + TryFrom<Body>,
        <R as TryFrom<Body>>::Error: Into<tansu_storage::Error>,
        I: Service<StorageContainer, R, Error = tansu_storage::Error>,
        I::Response: Response,
    {
        let storage = self.storage.clone();
        let layers =
            (MapErrLayer::new(Error::from), MapStateLayer::new(move |()| storage), FrameRequestLayer::<R>::new());
        Ok(routes.with_route(R::KEY, layers.into_layer(service).boxed())?)
    }
}

fn produced(request: &ProduceRequest) -> Changed {
    let topics = request.topic_data.iter().flatten();
    let partitions = topics
        .flat_map(|topic| topic.partition_data.iter().flatten().map(|partition| (topic.name.clone(), partition.index)));
    Changed::Partitions(partitions.collect())
}
