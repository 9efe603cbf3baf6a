//! Which numbers are offered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use twinpath_core::number::{NumberRanges, UnknownTon};
use twinpath_core::records::Trust;

use super::*;

fn senders(countries: &[&str]) -> SenderPolicy {
    SenderPolicy {
        country: None,
        countries: countries.iter().map(|code| NumberChoice::country(code).unwrap()).collect(),
        ranges: NumberRanges::default(),
        unknown_ton: UnknownTon::International,
        trust: Trust::Operator,
    }
}

fn add(numbers: &Numbers, number: &str, countries: &[&str], priority: u32) -> Arc<AtomicBool> {
    let up = Arc::new(AtomicBool::new(true));
    let health = Arc::clone(&up);
    numbers.add(&[number.to_owned()], &senders(countries), priority, move || health.load(Relaxed));
    up
}

fn offer(numbers: &Numbers, country: Option<&str>) -> Result<Vec<String>, NotServed> {
    let country = country.map(|code| NumberChoice::country(code).unwrap());
    numbers.offer(&NumberChoice { country, number: None })
}

#[test]
fn a_country_s_own_number_comes_first_and_foreign_ones_not_at_all() {
    let numbers = Numbers::default();
    add(&numbers, "+44", &[], 0);
    add(&numbers, "10690001", &["CN"], 5);
    add(&numbers, "56161", &["IN", "LK"], 0);
    let list = |items: &[&str]| Ok(items.iter().map(|&item| item.to_owned()).collect());
    assert_eq!(offer(&numbers, Some("cn")), list(&["10690001", "+44"]));
    assert_eq!(offer(&numbers, Some("IN")), list(&["56161", "+44"]));
    assert_eq!(offer(&numbers, Some("DE")), list(&["+44"]));
    assert_eq!(offer(&numbers, None), list(&["+44", "56161", "10690001"]));
    let number = E164::parse("+8613800138000");
    let by_number = numbers.offer(&NumberChoice { country: None, number });
    assert_eq!(by_number, list(&["+44", "10690001"]));
    assert!(NumberChoice::country("Atlantis").is_err());
}

#[test]
fn what_is_down_is_not_offered_while_anything_is_up() {
    let numbers = Numbers::default();
    let first = add(&numbers, "+441", &[], 0);
    let second = add(&numbers, "+442", &[], 1);
    // Another site's bind for the same number.
    let third = add(&numbers, "+441", &[], 2);
    assert_eq!(numbers.all(), ["+441", "+442"]);
    first.store(false, Relaxed);
    assert_eq!(numbers.all(), ["+442", "+441"]);
    third.store(false, Relaxed);
    assert_eq!(numbers.all(), ["+442"]);
    second.store(false, Relaxed);
    assert_eq!(numbers.all(), ["+441", "+442"], "all down: a network may store and forward");
}

#[test]
fn a_country_nobody_serves_is_told() {
    let numbers = Numbers::default();
    assert_eq!(numbers.all(), [""; 0], "no routes at all");
    add(&numbers, "10690001", &["CN"], 0);
    assert_eq!(offer(&numbers, Some("DE")), Err(NotServed));
}

#[test]
fn a_carriers_own_number_comes_first_and_is_not_for_other_carriers() {
    let numbers = Numbers::default();
    let ranges = |accept: &[&str], refuse: &[&str]| {
        let all = |ranges: &[&str]| ranges.iter().map(|&range| range.into()).collect();
        NumberRanges { accept: all(accept), refuse: all(refuse) }
    };
    let add = |number: &str, ranges| {
        let senders = SenderPolicy { ranges, ..senders(&["GB"]) };
        numbers.add(&[number.to_owned()], &senders, 0, || true);
    };
    add("60001", ranges(&[], &["+447405"]));
    add("60002", ranges(&["+4474"], &["+447405"]));
    let of = |number: &str| {
        let number = E164::parse(number);
        numbers.offer(&NumberChoice { country: None, number }).unwrap_or_default()
    };
    assert_eq!(of("+447400123456"), ["60002", "60001"]);
    assert_eq!(of("+447500123456"), ["60001"]);
    assert!(of("+447405123456").is_empty(), "no route takes its texts");
    assert_eq!(numbers.all(), ["60001", "60002"], "nothing is known");
}
