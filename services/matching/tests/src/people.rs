use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use testkit::{Api, ApiResponse, Fleet};

/// What students offer unless the price matters.
pub const PRICE: i64 = 50_000;
/// The tutor, unless the name matters.
pub const TEACHER: &str = "TEACHER";
/// The day of a visit, unless it matters.
pub const DATE: &str = "2027-01-21";

/// What students and tutors do.
#[derive(Debug, Clone)]
pub struct People {
    /// Where they do it.
    pub api: Api,
}

impl People {
    /// Through the gateway, as everybody.
    pub fn of(fleet: &Fleet) -> Result<Self> {
        Ok(Self { api: fleet.gateway()? })
    }

    /// A student asks for a match.
    pub async fn request(&self, id: i64) -> Result<ApiResponse> {
        self.api.post("/matches", &json!({ "id": id, "price": PRICE })).await
    }

    /// The student cancels.
    pub async fn cancel(&self, id: i64) -> Result<ApiResponse> {
        self.api.with("PATCH".parse()?, &format!("/matches/{id}"), &json!({ "status": "cancel" })).await
    }

    /// A tutor takes the visit.
    pub async fn assign(&self, id: i64) -> Result<ApiResponse> {
        self.api.post("/visits", &json!({ "matchId": id, "teacher": TEACHER, "visitDate": DATE })).await
    }

    /// What stands below a path: `None` if nothing does.
    pub async fn find(&self, path: &str, id: i64) -> Result<Option<Value>> {
        let answer = self.api.get(&format!("{path}/{id}")).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            status => bail!("{path}/{id} answered {status}: {}", answer.body),
        }
    }

    /// The status of a match; "none" if there is no such match.
    pub async fn match_status(&self, id: i64) -> Result<String> {
        Ok(text(self.find("/matches", id).await?.as_ref(), "status"))
    }

    /// What became of the payment of a match; "none" if there is none.
    pub async fn payment_action(&self, id: i64) -> Result<String> {
        Ok(text(self.find("/payments", id).await?.as_ref(), "paymentAction"))
    }

    /// The status of a visit; "none" if there is no such visit.
    pub async fn visit_status(&self, id: i64) -> Result<String> {
        Ok(text(self.find("/visits", id).await?.as_ref(), "status"))
    }

    /// The status of a student's page; "none" if there is no such page.
    pub async fn page_status(&self, id: i64) -> Result<String> {
        Ok(text(self.find("/myPages", id).await?.as_ref(), "status"))
    }

    /// The open visit requests, by match id. An error if one is there twice.
    pub async fn listed(&self) -> Result<BTreeMap<i64, Value>> {
        self.all("/visitReqLists", "visitReqLists").await
    }

    /// All items of a list, by match id. An error if one is there twice.
    pub async fn all(&self, path: &str, rel: &str) -> Result<BTreeMap<i64, Value>> {
        let items = self.api.all(path, rel).await?;
        let found = items.len();
        let items: BTreeMap<i64, Value> =
            items.into_iter().filter_map(|item| item["id"].as_i64().map(|id| (id, item))).collect();
        ensure!(items.len() == found, "{path} has {found} items, but {} ids", items.len());
        Ok(items)
    }
}

fn text(item: Option<&Value>, field: &str) -> String {
    item.and_then(|item| item[field].as_str()).unwrap_or("none").to_owned()
}
