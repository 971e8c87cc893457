use chassis::openapi::{object, one_of, positive};
use context::Representation;
use coupon_domain::{Coupon, Status};
use refund_contract::LatestRefund;
use serde_json::{Value, json};
use store::Row;
use store::sqlx::Error;
use utoipa::openapi::schema::ObjectBuilder;

/// A row of `coupons`.
#[derive(Debug, Row)]
#[row(table = "coupons", key = "order_id", owner = "customer", state = "Coupon")]
pub struct CouponRow {
    order_id: i64,
    attempt: i64,
    delivered: bool,
    canceled: bool,
    refund: i64,
    refund_step: String,
    status: String,
    version: i64,
    customer: Option<String>,
}

impl From<Coupon> for CouponRow {
    fn from(coupon: Coupon) -> Self {
        let Coupon { order_id, attempt, is_delivered, is_canceled, refund, status, version, customer } = coupon;
        let (refund, refund_step) = LatestRefund::to_columns(refund);
        Self {
            order_id,
            attempt,
            delivered: is_delivered,
            canceled: is_canceled,
            refund,
            refund_step,
            status: status.map_or("", Status::name).to_owned(),
            version,
            customer,
        }
    }
}

impl TryFrom<CouponRow> for Coupon {
    type Error = Error;

    fn try_from(row: CouponRow) -> Result<Self, Error> {
        let CouponRow { order_id, attempt, delivered, canceled, refund, refund_step, status, version, customer } = row;
        let refund = LatestRefund::from_columns(refund, &refund_step);
        let unknown = || Error::Decode(format!("{status:?} is no status of a coupon").into());
        let status = Some(status.as_str()).filter(|status| !status.is_empty());
        let status = status.map(|name| Status::named(name).ok_or_else(unknown)).transpose()?;
        let (is_delivered, is_canceled) = (delivered, canceled);
        Ok(Self { order_id, attempt, is_delivered, is_canceled, refund, status, version, customer })
    }
}

/// The coupon of a delivered order.
pub struct CouponDocument;

impl Representation for CouponDocument {
    type Row = CouponRow;
    const NAME: &'static str = "Coupon";
    const PATH: &'static str = "/coupons";
    const REL: &'static str = "coupons";
    const TITLE: &'static str = "coupon of order";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/coupons/{id}")];

    fn of(coupon: &Coupon) -> Option<Value> {
        let status = coupon.status?.name();
        Some(json!({ "id": coupon.order_id, "orderId": coupon.order_id, "couponStatus": status }))
    }

    fn schema() -> ObjectBuilder {
        let status = "published: it is valid. couponRefunded: it is taken back.";
        object("The coupon of a delivered order.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("couponStatus", one_of(&Status::ALL.map(Status::name)).description(Some(status)))
    }
}
