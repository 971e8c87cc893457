//! The media types of requests and responses.

use hyper::header::{CONTENT_TYPE, HeaderMap};

pub(crate) const JSON: &str = "application/json";
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
pub(crate) const GRPC: &str = "application/grpc";
const GRPC_PROTO: &str = "application/grpc+proto";

/// Whether the content type is that of gRPC with protocol buffers, the only encoding supported here.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return false };
    let essence = only.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [GRPC, GRPC_PROTO].iter().any(|own| essence.eq_ignore_ascii_case(own.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn grpc_is_recognized_by_the_whole_content_type() {
        let is = |kind| is_grpc(&[(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect());
        for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC; charset=utf-8"] {
            assert!(is(kind), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpc+json", "application/grpcx", "text/plain", ""] {
            assert!(!is(kind), "{kind}");
        }
    }
}
