//! Which numbers a phone may text: those of routes that take its country and carrier, and of them those
//! whose route is up.

use std::sync::Mutex;
use std::sync::PoisonError;

use rlibphonenumber::Region;
use twinpath_core::number::{E164, SenderPolicy};

/// What is known of the phone that will text.
#[derive(Clone, Debug, Default)]
pub struct NumberChoice {
    /// The SIM's home network's country.
    pub country: Option<Region>,
    /// Its number, if the app has a guess.
    pub number: Option<E164>,
}

/// Text that names no country.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownCountry;

/// No route takes texts from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotServed;

impl NumberChoice {
    /// Reads an ISO 3166-1 alpha-2 code.
    pub fn country(code: &str) -> Result<Region, UnknownCountry> {
        Region::from_code(&code.to_ascii_uppercase()).map_err(|_| UnknownCountry)
    }
}

type Up = Box<dyn Fn() -> bool + Send + Sync>;

/// A route that texts come in by.
struct Offered {
    numbers: Vec<String>,
    senders: SenderPolicy,
    priority: u32,
    up: Up,
}

/// The numbers of all routes.
#[derive(Default)]
pub struct Numbers {
    routes: Mutex<Vec<Offered>>,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}

impl Numbers {
    /// Adds a route: texts to these numbers come in by it. Of lower `priority` come first; `up` says
    /// whether it works now.
    pub fn add(
        &self,
        numbers: &[String],
        senders: &SenderPolicy,
        priority: u32,
        up: impl Fn() -> bool + Send + Sync + 'static,
    ) {
        let (numbers, senders) = (numbers.to_vec(), senders.clone());
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.push(Offered { numbers, senders, priority, up: Box::new(up) });
        routes.sort_by_key(|route| route.priority);
    }

    /// The numbers for this phone, the best first. One whose routes are all down is left out, unless
    /// every one is: then a network that stores and forwards is the best hope there is.
    pub fn offer(&self, choice: &NumberChoice) -> Result<Vec<String>, NotServed> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let carried: Vec<_> = routes
            .iter()
            .filter(|route| route.senders.carries(choice.country, choice.number.as_ref()))
            .collect();
        if carried.is_empty() && !routes.is_empty() {
            return Err(NotServed);
        }
        let up: Vec<_> = carried.iter().copied().filter(|route| (route.up)()).collect();
        let mut offered = if up.is_empty() { carried } else { up };
        // A route of this range or country alone before one that takes all the world.
        offered.sort_by_key(|route| route.senders.breadth(choice.country, choice.number.as_ref()));
        let mut numbers: Vec<String> = Vec::new();
        for number in offered.iter().flat_map(|route| &route.numbers) {
            if !numbers.contains(number) {
                numbers.push(number.clone());
            }
        }
        Ok(numbers)
    }

    /// The numbers for a phone that nothing is known of.
    pub fn all(&self) -> Vec<String> {
        self.offer(&NumberChoice::default()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
