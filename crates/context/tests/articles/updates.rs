//! Events of other contexts change rows that exist, and insert none.

use std::sync::Arc;

use ambient::Timestamp;
use context::{Repository, Updater};
use events::Aggregate;
use store::Row;
use test_stores::on_each_store;

use crate::{Article, ArticleEvent, ArticleInput, Withdrawn, World, priced};

/// Some columns of an article.
#[derive(Debug, Clone, Row)]
#[row(table = "articles", key = "number")]
struct PricedArticle {
    number: String,
    version: i64,
    price: Option<i64>,
}

/// A price of 100 withdraws the article.
impl Aggregate for PricedArticle {
    type Event = ArticleInput;
    type Emits = ArticleEvent;

    fn epoch(&self) -> i64 {
        self.version
    }

    fn apply(&mut self, ArticleInput::Priced(event): &ArticleInput, _at: Timestamp) -> Option<ArticleEvent> {
        self.price = self.price.max(Some(event.price));
        (event.price == 100).then(|| Withdrawn { number: self.number.clone() }.into())
    }
}

#[test]
fn only_the_current_epoch_of_an_existing_row_is_changed_and_other_columns_stay_as_they_are() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![priced("A-1", 2, 10, "kim")]).await;
        let before = world.article("A-1").await.unwrap();
        let prices = Repository::<PricedArticle>::new(&world.store, world.messaging.outbox(), world.host.clock());
        let updater = Arc::new(Updater::new(prices));
        let records = vec![
            priced("A-1", 1, 11, "lee"),
            priced("A-1", 2, 100, "lee"),
            priced("A-1", 3, 101, "lee"),
            priced("A-1", 2, 99, "lee"),
            priced("B-1", 2, 100, "lee"),
        ];
        let outcome = world.messaging.process(&updater, records).await;
        assert_eq!((outcome.applied, outcome.dead), (5, 0));
        assert_eq!(world.article("A-1").await, Some(Article { price: Some(100), ..before }));
        assert_eq!(world.article("B-1").await, None);
        assert_eq!(world.staged().await, [("A-1".to_owned(), "Withdrawn".to_owned())]);
    });
}
