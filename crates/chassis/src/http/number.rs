//! Integers parsed from text digit by digit. Parsing through a double could change the number.

/// The largest integer that every JSON parser represents exactly: 2^53 − 1.
pub const MAX_EXACT: i64 = ambient::Positive::MAX;

/// The integer value of a JSON number (RFC 8259, section 6). `5`, `5.0` and `5e0` are equal.
///
/// `None` if it has a fraction or does not fit 64 bits. `text` must be a valid JSON number. The work is linear in the
/// length of the text, for any exponent.
pub(crate) fn parse_json(text: &str) -> Option<i64> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let zeros_at_end = digits().rev().take_while(|digit| *digit == b'0').count();
    let significant = whole.len() + fraction.len() - zeros_at_end;
    if significant == 0 {
        return Some(0);
    }
    // The power of ten of the last significant digit.
    let power = to_i64(zeros_at_end).saturating_sub(to_i64(fraction.len())).saturating_add(parse_exponent(exponent));
    if power < 0 {
        return None;
    }
    // The range below zero is larger by one.
    let below_zero = digits()
        .take(significant)
        .try_fold(0_i64, |number, digit| number.checked_mul(10)?.checked_sub(i64::from(digit - b'0')))?;
    // The number is not zero: this ends after at most 19 steps.
    let below_zero = (0..power).try_fold(below_zero, |number, _| number.checked_mul(10))?;
    if negative { Some(below_zero) } else { below_zero.checked_neg() }
}

/// An exponent beyond 64 bits is clamped: no body is long enough to compensate it.
fn parse_exponent(text: &str) -> i64 {
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

fn to_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The value of a string of ASCII digits with an optional minus sign.
pub(crate) fn parse_digits(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// The integer value of a query parameter: digits, also with the fraction `.0`. JSON Schema counts `7.0` among the integers, and clients
/// that hold numbers as doubles write them so.
pub(crate) fn parse_parameter(text: &str) -> Option<i64> {
    parse_digits(text.strip_suffix(".0").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::{BigInt, Sign};
    use proptest::prelude::*;

    #[test]
    fn a_number_has_the_value_of_its_digits_and_not_of_the_nearest_double() {
        for (text, number) in [
            ("9007199254740991.0", Some(9_007_199_254_740_991)),
            ("9007199254740993.0", Some(9_007_199_254_740_993)),
            ("900719925474099.1e1", Some(9_007_199_254_740_991)),
            ("4503599627370497.5", None),
            ("7292786544758924.5", None),
            ("0.99999999999999999", None),
            ("1.0000000000000000000001", None),
            ("1e-400", None),
            ("1e400", None),
            ("1e999999999", None),
            ("1e-999999999", None),
            ("1e99999999999999999999999999", None),
            ("1e-99999999999999999999999999", None),
            ("0e99999999999999999999999999", Some(0)),
            ("-0.000e-99999999999999999999999999", Some(0)),
            ("-0", Some(0)),
            ("5e4", Some(50_000)),
            ("5E+4", Some(50_000)),
            ("50000000e-3", Some(50_000)),
            ("0.00005e9", Some(50_000)),
            ("5.00e0", Some(5)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("-9223372036854775809", None),
            ("-922337203685477580.8e1", Some(i64::MIN)),
        ] {
            assert_eq!(parse_json(text), number, "{text}");
        }
        let zeros = "0".repeat(100_000);
        assert_eq!(parse_json(&format!("0.{zeros}7e100001")), Some(7));
        assert_eq!(parse_json(&format!("7{zeros}e-100000")), Some(7));
        assert_eq!(parse_json(&format!("7.{zeros}")), Some(7));
    }

    /// The expected value, by arbitrary-precision arithmetic.
    fn meant(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Option<BigInt> {
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0').collect();
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        let numerator = BigInt::from_radix_be(sign, &digits, 10).unwrap();
        let power = exponent - i32::try_from(fraction.len()).unwrap();
        let ten = BigInt::from(10).pow(power.unsigned_abs());
        if power >= 0 {
            return Some(numerator * ten);
        }
        let whole = &numerator / &ten;
        (&whole * &ten == numerator).then_some(whole)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn a_decimal_is_read_if_it_is_whole_and_fits_and_as_what_it_means(
            negative: bool,
            whole in "0|[1-9][0-9]{0,24}|[1-9][0-9]{0,3}0{0,22}",
            fraction in "|[0-9]{1,24}|0{0,6}[0-9]{0,3}0{0,22}",
            exponent in prop_oneof![-4..4_i32, -40..40_i32],
            spelling in 0..4_usize,
        ) {
            let minus = if negative { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            let exponents = [format!("e{exponent}"), format!("E{exponent}"), format!("e{exponent:+04}"), String::new()];
            let exponent = if spelling == 3 { 0 } else { exponent };
            let text = format!("{minus}{whole}{point}{fraction}{}", exponents[spelling]);
            let expected = meant(negative, &whole, &fraction, exponent).and_then(|number| i64::try_from(number).ok());
            prop_assert_eq!(parse_json(&text), expected, "{}", text);
        }

        #[test]
        fn digits_are_read_if_they_fit_and_as_what_they_mean(text in "-?[0-9]{0,25}|[-+ 0-9.e]{0,6}|-?[0-9٠-٩]{1,3}") {
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let expected = plain.then(|| text.parse::<BigInt>().unwrap()).and_then(|number| i64::try_from(number).ok());
            prop_assert_eq!(parse_digits(&text), expected, "{}", text);
        }

        #[test]
        fn a_parameter_may_have_the_fraction_zero(number: i64, fraction in "(\\.[0-9]{0,3})?") {
            let expected = matches!(fraction.as_str(), "" | ".0").then_some(number);
            prop_assert_eq!(parse_parameter(&format!("{number}{fraction}")), expected, "{}", fraction);
        }
    }
}
