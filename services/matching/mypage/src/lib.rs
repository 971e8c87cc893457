//! The mypage context.
