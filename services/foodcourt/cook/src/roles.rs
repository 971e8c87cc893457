use chassis::Tenancy;

/// Sees its own orders, in whatever kitchen.
const CUSTOMER: &str = "customer";

/// Takes and finishes the orders of its own shop.
pub(crate) const SHOP: &str = "shop";

/// Sees and does all of that.
pub(crate) const OPERATOR: &str = "operator";

pub(crate) const TENANCY: Tenancy = Tenancy { own: CUSTOMER, member: SHOP, claim: "shopId", all: OPERATOR };
