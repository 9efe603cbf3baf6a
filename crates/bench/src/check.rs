//! Whether an answer is right, in every detail. Runs after the measured window, so that it costs the
//! load nothing while it matters.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZero;

use twinpath_core::proof::{MAX_JWT, VerifyingKey};
use twinpath_core::token::{AccessClaims, IdClaims};
use twinpath_wire::jws::Compact;
use twinpath_wire::oauth::{ACCESS_TOKEN_TYP, TOKEN_TYPE_BEARER, TOKEN_TYPE_DPOP, TokenResponse};

use crate::target::Site;

/// An answer to be checked, and what it has to say.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) body: Vec<u8>,
    /// Index of the app.
    pub(crate) app: u32,
    /// The instance key's thumbprint; none without DPoP.
    pub(crate) jkt: Option<String>,
    /// Index of the number that texted.
    pub(crate) number: u64,
    /// When it was asked for and when it came, seconds since 1970.
    pub(crate) asked: i64,
    pub(crate) came: i64,
}

/// Checks the receipts of one pass. What has to be unique is kept as 64 bits of hash: enough for more
/// tokens than any pass brings.
pub(crate) struct Checker {
    issuer: String,
    client_ids: Vec<String>,
    keys: Vec<VerifyingKey>,
    /// The floor knows no numbers and no accounts.
    stateless: bool,
    /// Each number and app has one subject, and each subject one number and app.
    subjects: HashMap<(u64, u32), u64>,
    owners: HashMap<u64, (u64, u32)>,
    /// Every token has its own `jti`, and every grant its own refresh token.
    seen: HashSet<u64>,
    hasher: RandomState,
    checked: u64,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("checked", &self.checked).finish_non_exhaustive()
    }
}

/// The claims that both signatures cover, verified.
struct Verified {
    tokens: TokenResponse,
    access: AccessClaims,
    id: IdClaims,
}

/// What is wrong.
pub(crate) type Wrong = &'static str;

fn must(right: bool, otherwise: Wrong) -> Result<(), Wrong> {
    if right { Ok(()) } else { Err(otherwise) }
}

impl Checker {
    /// For the answers of one site.
    pub(crate) fn new(site: &Site) -> Self {
        Self {
            issuer: site.issuer.clone(),
            client_ids: site.apps.iter().map(|app| app.client_id.clone()).collect(),
            keys: site.published.keys.iter().filter_map(VerifyingKey::new).collect(),
            stateless: site.esme.is_none(),
            subjects: HashMap::new(),
            owners: HashMap::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            checked: 0,
        }
    }

    /// Checks all, with every CPU there is; what was wrong with those that are.
    pub(crate) fn check(&mut self, receipts: &[Receipt]) -> Vec<Wrong> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = receipts.len().div_ceil(threads).max(1);
        let verified: Vec<Result<Verified, Wrong>> = std::thread::scope(|scope| {
            let verify = |receipts: &[Receipt]| -> Vec<_> {
                receipts.iter().map(|receipt| self.verify(receipt)).collect()
            };
            let running: Vec<_> =
                receipts.chunks(share).map(|share| scope.spawn(move || verify(share))).collect();
            let lost = || vec![Err("the check itself failed")];
            running.into_iter().flat_map(|run| run.join().unwrap_or_else(|_| lost())).collect()
        });
        let accept = |(receipt, verified): (&Receipt, Result<Verified, Wrong>)| {
            verified.and_then(|verified| self.accept(receipt, verified)).err()
        };
        receipts.iter().zip(verified).filter_map(accept).collect()
    }

    /// How many receipts were right.
    pub(crate) fn checked(&self) -> u64 {
        self.checked
    }

    /// The expensive part, which needs nothing but keys: both tokens' signatures.
    fn verify(&self, receipt: &Receipt) -> Result<Verified, Wrong> {
        let tokens: TokenResponse =
            serde_json::from_slice(&receipt.body).map_err(|_| "the answer is no token response")?;
        let access = self.open(&tokens.access_token, ACCESS_TOKEN_TYP, "the access token")?;
        let id = tokens.id_token.as_deref().ok_or("there is no id_token")?;
        let id = self.open(id, "JWT", "the id_token")?;
        Ok(Verified { tokens, access, id })
    }

    fn open<C: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        typ: &str,
        what: Wrong,
    ) -> Result<C, Wrong> {
        let jws = Compact::parse(token, MAX_JWT).map_err(|_| what)?;
        let kid = jws.header.kid.as_deref().ok_or(what)?;
        let key = self.keys.iter().find(|key| key.kid() == Some(kid)).ok_or("an unknown kid")?;
        must(jws.header.alg == "ES256" && jws.header.has_typ(typ), "a token's alg or typ")?;
        must(key.verifies(&jws), "a token's signature")?;
        jws.claims().map_err(|_| what)
    }

    /// Everything else.
    fn accept(&mut self, receipt: &Receipt, verified: Verified) -> Result<(), Wrong> {
        let Verified { tokens, access, id } = verified;
        let app = usize::try_from(receipt.app).ok().and_then(|n| self.client_ids.get(n));
        let client_id = app.ok_or("an app that was never registered")?;
        self.check_claims(receipt, client_id, &access, &id)?;
        let kind = if receipt.jkt.is_some() { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
        must(tokens.token_type == kind, "token_type")?;
        must(tokens.scope.as_deref() == Some("openid"), "scope")?;
        let lives = u64::try_from(access.exp - access.iat).ok();
        must(tokens.expires_in == lives && lives > Some(0), "expires_in")?;
        let refresh = tokens.refresh_token.ok_or("there is no refresh_token")?;
        must(refresh.len() >= 32, "the refresh token is short")?;
        must(self.seen.insert(self.hasher.hash_one(refresh)), "a refresh token came twice")?;
        must(self.seen.insert(self.hasher.hash_one(access.jti)), "a jti came twice")?;
        let hint = tokens.terminal_hint.ok_or("there is no terminal_hint")?;
        if !self.stateless {
            must(hint == hint_of(receipt.number), "terminal_hint")?;
            let owner = (receipt.number, receipt.app);
            let sub = self.hasher.hash_one(access.sub);
            let owned = *self.owners.entry(sub).or_insert(owner);
            must(owned == owner, "two accounts or apps share a sub")?;
            let subject = *self.subjects.entry(owner).or_insert(sub);
            must(subject == sub, "an account changed its sub")?;
        }
        self.checked += 1;
        Ok(())
    }

    fn check_claims(
        &self,
        receipt: &Receipt,
        client_id: &str,
        access: &AccessClaims,
        id: &IdClaims,
    ) -> Result<(), Wrong> {
        must(access.iss == self.issuer && id.iss == self.issuer, "iss")?;
        must(access.aud == self.issuer.as_str(), "the access token's aud")?;
        must(access.client_id == client_id && id.aud == client_id, "client_id")?;
        must(!access.sub.is_empty() && access.sub == id.sub, "sub")?;
        must(access.union_id.as_ref() == Some(&id.union_id), "union_id")?;
        must(access.scope == "openid", "the access token's scope")?;
        let jkt = access.cnf.as_ref().and_then(|cnf| cnf.jkt.as_deref());
        must(jkt == receipt.jkt.as_deref(), "cnf.jkt")?;
        let during = receipt.asked..=receipt.came;
        must(during.contains(&access.iat) && during.contains(&id.iat), "iat")?;
        must(access.exp > receipt.came && id.exp > receipt.came, "exp")
    }
}

/// The number of an index: Chinese mobile numbers, of which there are enough.
pub(crate) fn number(index: u64) -> String {
    format!("86138{:08}", index % 100_000_000)
}

/// What PROTOCOL 5 shows of it.
fn hint_of(index: u64) -> String {
    format!("+86•••••••••{:02}", index % 100)
}

#[cfg(test)]
mod tests {
    use twinpath_core::number::E164;

    #[test]
    fn hints_are_the_contract_s() {
        let number = E164::parse(&format!("+{}", super::number(1_234_567))).unwrap();
        assert_eq!(number.hint(), super::hint_of(1_234_567));
    }
}
