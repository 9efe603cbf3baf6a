//! Challenges for attestation (PROTOCOL 11; draft-ietf-oauth-attestation-based-client-auth-10 6): single
//! use, 300 seconds, for one app if it said which.
//!
//! Nothing is kept of one that was handed out: it is a time, randomness and a MAC over both and the app.
//! Only one that was used is remembered, for as long as it could be used.

use twinpath_wire::b64;

use crate::grant::Spend;
use crate::ids::{ClientId, Timestamp};
use crate::transaction::{Random, random_bytes};
use crate::vault::{Vault, same};

/// Seconds for which a challenge can be answered.
pub const CHALLENGE_S: i64 = 300;

/// How far ahead another node's clock may be, in seconds.
const CLOCKS_APART_S: i64 = 30;

const TIME: usize = 8;
const RANDOM: usize = 16;
const MAC: usize = 16;

/// Which app may answer.
const ANY: u8 = 0;
const ONE: u8 = 1;

/// A challenge is not to be answered: unknown, over, or another app's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the challenge is unknown, over, or not for this app")]
pub struct ChallengeError;

/// A new challenge; for one app, or for any.
pub fn issue_challenge(
    vault: &Vault,
    client_id: Option<&ClientId>,
    now: Timestamp,
    random: &mut dyn Random,
) -> String {
    let kind = if client_id.is_some() { ONE } else { ANY };
    let mut bytes = vec![kind];
    bytes.extend(now.0.to_be_bytes());
    bytes.extend(random_bytes::<RANDOM>(random));
    let mac = vault.challenge(&bytes, owner(client_id));
    bytes.extend(mac);
    b64::encode(bytes)
}

fn owner(client_id: Option<&ClientId>) -> &str {
    client_id.map_or("", ClientId::as_str)
}

/// What is used up when this app answers the challenge. Whether it was used before is for the store to
/// say.
pub fn check_challenge(
    vault: &Vault,
    challenge: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Spend, ChallengeError> {
    let bytes =
        b64::decode_array::<{ 1 + TIME + RANDOM + MAC }>(challenge).map_err(|_| ChallengeError)?;
    let (said, mac) = bytes.split_at_checked(1 + TIME + RANDOM).ok_or(ChallengeError)?;
    let (kind, rest) = said.split_first().ok_or(ChallengeError)?;
    let for_whom = match *kind {
        ANY => None,
        ONE => Some(client_id),
        _ => return Err(ChallengeError),
    };
    if !same(&vault.challenge(said, owner(for_whom)), mac) {
        return Err(ChallengeError);
    }
    let (issued, _) = rest.split_first_chunk::<TIME>().ok_or(ChallengeError)?;
    let issued = Timestamp(i64::from_be_bytes(*issued));
    let until = issued.plus_seconds(CHALLENGE_S);
    let early = now.plus_seconds(CLOCKS_APART_S) < issued;
    if early || now >= until {
        return Err(ChallengeError);
    }
    let key = vault.identifier("challenge", "", challenge);
    Ok(Spend { key, until: until.plus_seconds(CLOCKS_APART_S) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{START, Seeded, vault};

    fn app(id: &str) -> ClientId {
        ClientId::new(id).unwrap()
    }

    #[test]
    fn a_challenge_is_for_its_app_and_its_time() {
        let (vault, weather, maps) = (vault(), app("weather"), app("maps"));
        let check = |text: &str, app: &ClientId, seconds| {
            check_challenge(&vault, text, app, START.plus_seconds(seconds))
        };
        let bound = issue_challenge(&vault, Some(&weather), START, &mut Seeded(1));
        let free = issue_challenge(&vault, None, START, &mut Seeded(2));
        for (text, app) in [(&bound, &weather), (&free, &weather), (&free, &maps)] {
            for seconds in [-30, 0, 299] {
                assert!(check(text, app, seconds).is_ok(), "{seconds}");
            }
            for seconds in [-31, 300, 86_400] {
                assert_eq!(check(text, app, seconds), Err(ChallengeError), "{seconds}");
            }
        }
        assert_eq!(check(&bound, &maps, 0), Err(ChallengeError));
        assert_ne!(bound, issue_challenge(&vault, Some(&weather), START, &mut Seeded(3)));
        // Remembered for as long as it can be used.
        let spend = check(&bound, &weather, 0).unwrap();
        assert!(spend.until >= START.plus_seconds(CHALLENGE_S));
        assert_ne!(spend.key, check(&free, &weather, 0).unwrap().key);
    }

    #[test]
    fn what_was_not_handed_out_is_no_challenge() {
        let (vault, weather) = (vault(), app("weather"));
        let bound = issue_challenge(&vault, Some(&weather), START, &mut Seeded(1));
        let mut bytes = b64::decode(&bound).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let changed = check_challenge(&vault, &b64::encode(&bytes), &weather, START);
            assert_eq!(changed, Err(ChallengeError), "{at}");
            bytes[at] ^= 1;
        }
        let other = Vault::new(&[9; 32]).unwrap();
        assert_eq!(check_challenge(&other, &bound, &weather, START), Err(ChallengeError));
        for text in ["", "x", &bound[1..], &format!("{bound}A"), &"A".repeat(10_000), "ä"] {
            assert_eq!(check_challenge(&vault, text, &weather, START), Err(ChallengeError));
        }
    }
}
