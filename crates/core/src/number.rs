//! Terminal identifiers: from what a network reports as a sender to E.164, the only form in which
//! numbers are compared, and what of a number may be shown.

use std::fmt;

use rlibphonenumber::{PhoneNumber, PhoneNumberType, Region};

use crate::records::Trust;

/// Loads the numbering plans, which takes tens of milliseconds: better at start than with the first
/// text.
pub fn load_numbering_plans() {
    std::sync::LazyLock::force(&rlibphonenumber::PHONE_NUMBER_UTIL);
    // Patterns are compiled when a country's number is first read.
    let _ = PhoneNumber::parse("+447911123456", None).map(|number| number.get_type());
}

/// An E.164 number: `+` and 8 to 15 digits. Neither `Debug` nor `Display` shows it whole.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(Box<str>);

impl E164 {
    /// Reads `+` and 8 to 15 ASCII digits; checks nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?.as_bytes();
        let right = (8..=15).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
            && digits.first() != Some(&b'0');
        right.then(|| Self(text.into()))
    }

    /// Reads an RFC 3966 global number, `tel:+44-7911-123456`, without parameters.
    pub fn parse_tel(uri: &str) -> Option<Self> {
        let (scheme, number) = uri.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("tel") {
            return None;
        }
        if number.len() > 40 {
            return None;
        }
        let plain: String = number.chars().filter(|c| !"-.()".contains(*c)).collect();
        Self::parse(&plain)
    }

    /// The whole number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose numbering plan it is of; `None` if no country's, or several countries'.
    pub fn country(&self) -> Option<Region> {
        PhoneNumber::parse(self.as_str(), None).ok()?.get_region_code()
    }

    /// What may be shown: country code and the last two digits (`+86•••••••••78`).
    pub fn hint(&self) -> String {
        let country = PhoneNumber::parse(self.as_str(), None)
            .map_or(1, |number| number.country_code.to_string().len());
        let (shown, last) = (1 + country, self.0.len().saturating_sub(2));
        self.0
            .char_indices()
            .map(|(at, digit)| if at < shown || at >= last { digit } else { '•' })
            .collect()
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hint())
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hint())
    }
}

/// A message's source address (SMPP 3.4 5.2.5, 5.2.6, 5.2.8).
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// `source_addr_ton`.
    pub ton: u8,
    /// `source_addr_npi`.
    pub npi: u8,
    /// `source_addr`.
    pub address: &'a [u8],
}

/// What a bind means by a source address of unknown type (TON 0).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnknownTon {
    /// International digits, with or without `+`.
    #[default]
    International,
    /// A national number of the bind's country.
    National,
    /// Nothing: it is refused.
    Refuse,
}

/// Ranges of E.164 numbers, each as `+` and its first digits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NumberRanges {
    /// What is accepted; empty accepts all.
    pub accept: Vec<Box<str>>,
    /// What is refused, whatever accepts it.
    pub refuse: Vec<Box<str>>,
}

impl NumberRanges {
    fn carry(&self, number: &E164) -> bool {
        let within =
            |ranges: &[Box<str>]| ranges.iter().any(|range| number.0.starts_with(&**range));
        !within(&self.refuse) && (self.accept.is_empty() || within(&self.accept))
    }
}

/// How a route's senders are read.
#[derive(Clone, Debug)]
pub struct SenderPolicy {
    /// The bind's country, for national numbers.
    pub country: Option<Region>,
    /// Countries whose numbers are accepted; empty accepts all.
    pub countries: Vec<Region>,
    /// Ranges of numbers that are accepted, or refused.
    pub ranges: NumberRanges,
    /// The meaning of TON 0.
    pub unknown_ton: UnknownTon,
    /// A route of [`Trust::Test`] also accepts numbers of ranges that no plan assigns.
    pub trust: Trust,
}

/// Why a sender is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SenderRefusal {
    /// TON 5, or letters in the address.
    Alphanumeric,
    /// A type of number or numbering plan that names no terminal.
    NumberingPlan,
    /// Not 8 to 15 digits.
    Malformed,
    /// No such number, or it is no mobile terminal's.
    NotMobile,
    /// A country the route does not carry.
    Foreign,
    /// A range of numbers the route does not carry.
    Range,
}

impl SenderRefusal {
    /// A stable word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alphanumeric => "sender_alphanumeric",
            Self::NumberingPlan => "sender_numbering_plan",
            Self::Malformed => "sender_malformed",
            Self::NotMobile => "sender_not_mobile",
            Self::Foreign => "sender_foreign",
            Self::Range => "sender_range",
        }
    }
}

const TON_UNKNOWN: u8 = 0;
const TON_INTERNATIONAL: u8 = 1;
const TON_NATIONAL: u8 = 2;
const TON_ALPHANUMERIC: u8 = 5;
/// Unknown, and ISDN (E.163/E.164): many message centres leave the plan unset.
const NUMBERING_PLANS: [u8; 2] = [0, 1];

impl SenderPolicy {
    /// The sender's number in E.164, or why it is refused.
    pub fn normalize(&self, sender: Sender<'_>) -> Result<E164, SenderRefusal> {
        if sender.ton == TON_ALPHANUMERIC {
            return Err(SenderRefusal::Alphanumeric);
        }
        let national = match (sender.ton, self.unknown_ton) {
            (TON_INTERNATIONAL, _) | (TON_UNKNOWN, UnknownTon::International) => false,
            (TON_NATIONAL, _) | (TON_UNKNOWN, UnknownTon::National) => true,
            _ => return Err(SenderRefusal::NumberingPlan),
        };
        if !NUMBERING_PLANS.contains(&sender.npi) {
            return Err(SenderRefusal::NumberingPlan);
        }
        let digits = plain_digits(sender.address)?;
        let parsed = if national {
            let country = self.country.ok_or(SenderRefusal::NumberingPlan)?;
            PhoneNumber::parse(digits, Some(country))
        } else {
            PhoneNumber::parse(format!("+{digits}"), None)
        };
        self.accept(&parsed.map_err(|_| SenderRefusal::NotMobile)?)
    }

    /// Whether texts of such a phone are taken: of this country, of this number and its range, as far as
    /// they are known.
    pub fn carries(&self, country: Option<Region>, number: Option<&E164>) -> bool {
        let own = number.and_then(|number| PhoneNumber::parse(number.as_str(), None).ok());
        let regions = [country, own.and_then(|number| number.get_region_code())];
        let foreign = |region: &Region| !self.countries.contains(region);
        number.is_none_or(|number| self.ranges.carry(number))
            && (self.countries.is_empty() || !regions.iter().flatten().any(foreign))
    }

    /// How much else is taken: what is made for a known number's range, and then for a known country, is
    /// the better choice. All the world counts most; the same for all where nothing is known.
    pub fn breadth(&self, country: Option<Region>, number: Option<&E164>) -> (bool, usize) {
        let countries = match (country, self.countries.len()) {
            (None, _) => 0,
            (Some(_), 0) => usize::MAX,
            (Some(_), countries) => countries,
        };
        (number.is_some() && self.ranges.accept.is_empty(), countries)
    }

    fn accept(&self, number: &PhoneNumber) -> Result<E164, SenderRefusal> {
        let known = number.is_valid();
        let mobile = matches!(
            number.get_type(),
            PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile
        );
        if !(known && mobile) && (known || self.trust != Trust::Test) {
            return Err(SenderRefusal::NotMobile);
        }
        let allowed = |region| self.countries.contains(&region);
        if !self.countries.is_empty() && !number.get_region_code().is_some_and(allowed) {
            return Err(SenderRefusal::Foreign);
        }
        let number = E164::parse(&number.to_string()).ok_or(SenderRefusal::Malformed)?;
        if self.ranges.carry(&number) { Ok(number) } else { Err(SenderRefusal::Range) }
    }
}

/// `^\+?[0-9]{8,15}$`, without the `+`. The number library would also take vanity letters, other
/// scripts' digits and extensions.
fn plain_digits(address: &[u8]) -> Result<&str, SenderRefusal> {
    let digits = address.strip_prefix(b"+").unwrap_or(address);
    if digits.iter().any(u8::is_ascii_alphabetic) {
        return Err(SenderRefusal::Alphanumeric);
    }
    if !(8..=15).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(SenderRefusal::Malformed);
    }
    std::str::from_utf8(digits).map_err(|_| SenderRefusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(trust: Trust) -> SenderPolicy {
        SenderPolicy {
            country: Region::from_code("GB").ok(),
            countries: Vec::new(),
            ranges: NumberRanges::default(),
            unknown_ton: UnknownTon::International,
            trust,
        }
    }

    fn read(ton: u8, npi: u8, address: &str) -> Result<String, SenderRefusal> {
        let sender = Sender { ton, npi, address: address.as_bytes() };
        policy(Trust::Operator).normalize(sender).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn senders_are_read_by_type_of_number() {
        let right = Ok("+447911123456".to_owned());
        assert_eq!(read(1, 1, "447911123456"), right);
        assert_eq!(read(1, 1, "+447911123456"), right);
        assert_eq!(read(0, 0, "447911123456"), right);
        assert_eq!(read(2, 1, "07911123456"), right);
        assert_eq!(read(2, 1, "7911123456"), right);
        assert_eq!(read(1, 1, "8613800138000"), Ok("+8613800138000".to_owned()));
        assert_eq!(read(1, 1, "919876543210"), Ok("+919876543210".to_owned()));
    }

    #[test]
    fn odd_senders_are_refused() {
        use SenderRefusal::*;
        for (ton, npi, address, why) in [
            (5, 0, "BANK", Alphanumeric),
            (5, 1, "447911123456", Alphanumeric),
            (1, 1, "3367a829916", Alphanumeric),
            (3, 1, "447911123456", NumberingPlan),
            (4, 1, "447911123456", NumberingPlan),
            (6, 1, "447911123456", NumberingPlan),
            (1, 3, "447911123456", NumberingPlan),
            (1, 18, "447911123456", NumberingPlan),
            (255, 255, "447911123456", NumberingPlan),
            (1, 1, "88222", Malformed),
            (2, 1, "88222", Malformed),
            (1, 1, "", Malformed),
            (1, 1, "+", Malformed),
            (1, 1, "++447911123456", Malformed),
            (1, 1, "4479111234561234567", Malformed),
            (1, 1, "447911123456;ext=1", Alphanumeric),
            (1, 1, "٤٤٧٩١١١٢٣٤٥٦", Malformed),
            (1, 1, "442079460000", NotMobile),
            (1, 1, "447700900123", NotMobile),
            (1, 1, "5215512345678", NotMobile),
            (1, 1, "999999999999", NotMobile),
        ] {
            assert_eq!(read(ton, npi, address), Err(why), "{ton} {npi} {address}");
        }
        let bytes = Sender { ton: 1, npi: 1, address: b"44791112345\xE9" };
        assert_eq!(policy(Trust::Operator).normalize(bytes), Err(Malformed));
    }

    #[test]
    fn only_a_test_route_takes_unassigned_ranges() {
        let drama = Sender { ton: 1, npi: 1, address: b"447700900123" };
        assert!(policy(Trust::Test).normalize(drama).is_ok());
        let landline = Sender { ton: 1, npi: 1, address: b"442079460000" };
        assert!(policy(Trust::Test).normalize(landline).is_err());
    }

    #[test]
    fn a_route_carries_its_ranges_and_refuses_others() {
        let mut policy = policy(Trust::Operator);
        let mut read = |accept: &[&str], refuse: &[&str]| {
            let boxed = |all: &[&str]| all.iter().map(|&range| Box::from(range)).collect();
            policy.ranges = NumberRanges { accept: boxed(accept), refuse: boxed(refuse) };
            // A national number is held against them in E.164 as well.
            let national = Sender { ton: 2, npi: 1, address: b"07911123456" };
            let whole = Sender { ton: 1, npi: 1, address: b"447911123456" };
            let read = policy.normalize(whole).map(|_| ());
            assert_eq!(policy.normalize(national).map(|_| ()), read);
            read
        };
        assert_eq!(read(&[], &[]), Ok(()));
        assert_eq!(read(&["+4479"], &[]), Ok(()));
        assert_eq!(read(&["+4478", "+1"], &[]), Err(SenderRefusal::Range));
        assert_eq!(read(&[], &["+447911123456"]), Err(SenderRefusal::Range));
        assert_eq!(read(&["+44"], &["+44791"]), Err(SenderRefusal::Range));
        assert_eq!(read(&["+44"], &["+44790", "+1"]), Ok(()));
    }

    #[test]
    fn a_route_carries_its_countries() {
        let mut policy = policy(Trust::Operator);
        policy.countries = vec![Region::from_code("IN").unwrap()];
        let sender = Sender { ton: 1, npi: 1, address: b"447911123456" };
        assert_eq!(policy.normalize(sender), Err(SenderRefusal::Foreign));
    }

    #[test]
    fn hints_show_country_and_two_digits() {
        let hint = |text| E164::parse(text).unwrap().hint();
        assert_eq!(hint("+8613800138078"), "+86•••••••••78");
        assert_eq!(hint("+447911123456"), "+44••••••••56");
        assert_eq!(hint("+12025550123"), "+1••••••••23");
        assert_eq!(format!("{:?}", E164::parse("+8613800138078").unwrap()), "+86•••••••••78");
    }

    #[test]
    fn tel_uris() {
        assert_eq!(E164::parse_tel("tel:+44-7911-123456"), E164::parse("+447911123456"));
        for bad in ["+447911123456", "tel:447911123456", "tel:+44x", "sms:+447911123456", "tel:"] {
            assert_eq!(E164::parse_tel(bad), None);
        }
    }
}
