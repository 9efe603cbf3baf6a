//! Keyed hashes and encryption at rest, all from one 32-byte master key.
//!
//! Every use has its own key (HKDF-SHA256, a label each), so no value of one column can be compared
//! with, or passed off as, one of another. Hashes are HMAC-SHA256 cut to 128 bits where they are only
//! looked up. Encryption is AES-256-GCM-SIV: nonces are random, and this mode stays safe for far more
//! messages under one key than plain GCM.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use twinpath_wire::code::Code;
use twinpath_wire::phrase::Words;
use zeroize::Zeroize as _;

use crate::ids::{AccountId, ClientId, CodeKey, Digest, GrantId, TerminalKey};
use crate::number::E164;
use crate::outbound::{ConfirmationCode, Digits, RevocationCode};
use crate::records::Sealed;
use crate::transaction::{Random, random_bytes};

/// A value could not be decrypted, or a key could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored value does not open with this master key")]
pub struct VaultError;

/// What a ciphertext is for. It is bound to its purpose and to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A phone number; the owner is its terminal key.
    Number,
    /// An app's secret; the owner is its `client_id`.
    AppSecret,
    /// A signing key; the owner is its `kid`.
    SigningKey,
    /// The handle inside a token that leads to its grant.
    Handle,
    /// The claims of an opaque access token.
    AccessToken,
    /// An app's key for Play Integrity tokens; the owner is its `client_id`.
    PlayIntegrityKey,
    /// What came in and could not be read; the owner is its route.
    Quarantine,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Number => b"number",
            Self::AppSecret => b"app-secret",
            Self::SigningKey => b"signing-key",
            Self::Handle => b"handle",
            Self::AccessToken => b"access-token",
            Self::PlayIntegrityKey => b"play-integrity-key",
            Self::Quarantine => b"quarantine",
        }
    }
}

/// All keys of one deployment.
pub struct Vault {
    codes: hmac::Key,
    terminals: hmac::Key,
    words: hmac::Key,
    tokens: hmac::Key,
    frozen: hmac::Key,
    secrets: hmac::Key,
    subjects: hmac::Key,
    unions: hmac::Key,
    identifiers: hmac::Key,
    nonces: hmac::Key,
    admin_tokens: hmac::Key,
    page_verifiers: hmac::Key,
    form_tokens: hmac::Key,
    challenges: hmac::Key,
    digits: hmac::Key,
    admin: String,
    number: LessSafeKey,
    app_secret: LessSafeKey,
    signing_key: LessSafeKey,
    handle: LessSafeKey,
    access_token: LessSafeKey,
    play_integrity_key: LessSafeKey,
    quarantine: LessSafeKey,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(prk: &Prk, label: &str) -> Result<[u8; 32], VaultError> {
    let info = [b"twinpath-vault-1/".as_slice(), label.as_bytes()];
    let mut key = [0; 32];
    prk.expand(&info, Bytes32).and_then(|okm| okm.fill(&mut key)).map_err(|_| VaultError)?;
    Ok(key)
}

fn mac_key(prk: &Prk, label: &str) -> Result<hmac::Key, VaultError> {
    let mut key = derive(prk, label)?;
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &key);
    key.zeroize();
    Ok(mac)
}

fn aead_key(prk: &Prk, label: &str) -> Result<LessSafeKey, VaultError> {
    let mut key = derive(prk, label)?;
    let aead = UnboundKey::new(&AES_256_GCM_SIV, &key).map_err(|_| VaultError);
    key.zeroize();
    Ok(LessSafeKey::new(aead?))
}

/// HMAC over length-framed parts, so that no two lists of parts read alike.
fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    out
}

fn cut(full: [u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(full.split_at(16).0);
    out
}

/// The first eight bytes as a number.
fn leading(full: [u8; 32]) -> u64 {
    full.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

impl Vault {
    /// From the master key.
    pub fn new(master: &[u8; 32]) -> Result<Self, VaultError> {
        let prk = Salt::new(HKDF_SHA256, b"twinpath").extract(master);
        Ok(Self {
            codes: mac_key(&prk, "code")?,
            terminals: mac_key(&prk, "terminal")?,
            words: mac_key(&prk, "words")?,
            tokens: mac_key(&prk, "token")?,
            frozen: mac_key(&prk, "frozen")?,
            secrets: mac_key(&prk, "secret")?,
            subjects: mac_key(&prk, "subject")?,
            unions: mac_key(&prk, "union")?,
            identifiers: mac_key(&prk, "identifier")?,
            nonces: mac_key(&prk, "dpop-nonce")?,
            admin_tokens: mac_key(&prk, "admin-token")?,
            page_verifiers: mac_key(&prk, "page-verifier")?,
            form_tokens: mac_key(&prk, "form-token")?,
            challenges: mac_key(&prk, "challenge")?,
            digits: mac_key(&prk, "digits")?,
            admin: URL_SAFE_NO_PAD.encode(derive(&prk, "admin")?),
            number: aead_key(&prk, "aead-number")?,
            app_secret: aead_key(&prk, "aead-app-secret")?,
            signing_key: aead_key(&prk, "aead-signing-key")?,
            handle: aead_key(&prk, "aead-handle")?,
            access_token: aead_key(&prk, "aead-access-token")?,
            play_integrity_key: aead_key(&prk, "aead-play-integrity-key")?,
            quarantine: aead_key(&prk, "aead-quarantine")?,
        })
    }

    /// The key of a code's record.
    pub fn code_key(&self, code: &Code) -> CodeKey {
        CodeKey(cut(mac(&self.codes, &[code.as_bytes()])))
    }

    /// The key of a number's terminal.
    pub fn terminal_key(&self, number: &E164) -> TerminalKey {
        TerminalKey(cut(mac(&self.terminals, &[number.as_str().as_bytes()])))
    }

    /// What is kept of a message's human words.
    pub fn words(&self, words: &Words) -> Digest {
        Digest(cut(mac(&self.words, &[words.as_str().as_bytes()])))
    }

    /// What is kept of a refresh token.
    pub fn token(&self, token: &str) -> Digest {
        Digest(cut(mac(&self.tokens, &[token.as_bytes()])))
    }

    /// What is kept of the parameters a repeated request must repeat.
    pub fn frozen(&self, parts: &[&[u8]]) -> Digest {
        Digest(cut(mac(&self.frozen, parts)))
    }

    /// The key under which a single-use identifier is remembered.
    pub fn identifier(&self, kind: &str, owner: &str, value: &str) -> Digest {
        Digest(cut(mac(&self.identifiers, &[kind.as_bytes(), owner.as_bytes(), value.as_bytes()])))
    }

    /// What is kept of an app's secret, or of its registration access token.
    pub fn secret(&self, client_id: &ClientId, secret: &str) -> [u8; 32] {
        mac(&self.secrets, &[client_id.as_str().as_bytes(), secret.as_bytes()])
    }

    /// OIDC Core 8.1: the pairwise subject of an account for an app.
    pub fn subject(&self, client_id: &ClientId, account: AccountId) -> String {
        URL_SAFE_NO_PAD
            .encode(cut(mac(&self.subjects, &[client_id.as_str().as_bytes(), &account.0])))
    }

    /// OIDC Core 8.1: the pairwise subject of an account for all apps of a sector. A list of another
    /// length than [`Self::subject`]'s, so no `client_id` reads like a sector.
    pub fn sector_subject(&self, sector: &str, account: AccountId) -> String {
        URL_SAFE_NO_PAD
            .encode(cut(mac(&self.subjects, &[b"sector", sector.as_bytes(), &account.0])))
    }

    /// The subject that all apps of one developer share.
    pub fn union_id(&self, developer: &str, account: AccountId) -> String {
        URL_SAFE_NO_PAD.encode(cut(mac(&self.unions, &[developer.as_bytes(), &account.0])))
    }

    /// The verifier of the code that a page shows (PROTOCOL 2), from the request's identifier.
    pub(crate) fn page_verifier(&self, interaction: &[u8; 16], attempt: u32) -> [u8; 32] {
        mac(&self.page_verifiers, &[interaction, &attempt.to_be_bytes()])
    }

    /// What a form of a page must carry, so that only that page can send it: from the browser's cookie
    /// and the request's identifier.
    pub fn form_token(&self, browser: &str, subject: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.form_tokens, &[browser.as_bytes(), subject.as_bytes()]))
    }

    /// The MAC of a challenge for an app; empty for any.
    pub fn challenge(&self, said: &[u8], client_id: &str) -> [u8; 16] {
        cut(mac(&self.challenges, &[said, client_id.as_bytes()]))
    }

    /// The digits that are texted to confirm a code, for the grant that may come of it (PROTOCOL 6).
    pub fn confirmation_code(&self, code: CodeKey, grant: GrantId) -> ConfirmationCode {
        Digits::of(leading(mac(&self.digits, &[b"confirm", &code.0, &grant.0])))
    }

    /// The digits that revoke a grant by text (PROTOCOL 6), from its id and a counter.
    pub fn revocation_code(&self, grant: GrantId, counter: u32) -> RevocationCode {
        Digits::of(leading(mac(&self.digits, &[b"revoke", &grant.0, &counter.to_be_bytes()])))
    }

    /// The key of nonces that all nodes of a deployment take.
    pub(crate) fn nonces(&self) -> &hmac::Key {
        &self.nonces
    }

    /// What seals a named admin token.
    pub(crate) fn admin_mac(&self, payload: &[u8]) -> [u8; 32] {
        mac(&self.admin_tokens, &[payload])
    }

    /// The bearer token by which this deployment's own command line reaches its admin listener.
    pub fn admin_token(&self) -> &str {
        &self.admin
    }

    /// Encrypts, bound to purpose and owner: nonce, ciphertext, tag.
    pub fn seal(
        &self,
        purpose: Purpose,
        owner: &[u8],
        plain: &[u8],
        random: &mut dyn Random,
    ) -> Result<Sealed, VaultError> {
        let nonce: [u8; NONCE_LEN] = random_bytes(random);
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + 16);
        sealed.extend_from_slice(plain);
        self.aead(purpose)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated(purpose, owner)),
                &mut sealed,
            )
            .map_err(|_| VaultError)?;
        sealed.splice(0..0, nonce);
        Ok(Sealed(sealed))
    }

    /// Decrypts what [`Self::seal`] made for the same purpose and owner.
    pub fn open(
        &self,
        purpose: Purpose,
        owner: &[u8],
        sealed: &Sealed,
    ) -> Result<Vec<u8>, VaultError> {
        let (nonce, cipher) = sealed.0.split_first_chunk::<NONCE_LEN>().ok_or(VaultError)?;
        let mut plain = cipher.to_vec();
        let length = self
            .aead(purpose)
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated(purpose, owner)),
                &mut plain,
            )
            .map_err(|_| VaultError)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// Encrypts a number for its terminal's rows.
    pub fn seal_number(
        &self,
        number: &E164,
        random: &mut dyn Random,
    ) -> Result<Sealed, VaultError> {
        let owner = self.terminal_key(number);
        self.seal(Purpose::Number, &owner.0, number.as_str().as_bytes(), random)
    }

    /// Decrypts a number of a terminal's rows.
    pub fn open_number(&self, terminal: TerminalKey, sealed: &Sealed) -> Result<E164, VaultError> {
        let plain = self.open(Purpose::Number, &terminal.0, sealed)?;
        std::str::from_utf8(&plain).ok().and_then(E164::parse).ok_or(VaultError)
    }

    fn aead(&self, purpose: Purpose) -> &LessSafeKey {
        match purpose {
            Purpose::Number => &self.number,
            Purpose::AppSecret => &self.app_secret,
            Purpose::SigningKey => &self.signing_key,
            Purpose::Handle => &self.handle,
            Purpose::AccessToken => &self.access_token,
            Purpose::PlayIntegrityKey => &self.play_integrity_key,
            Purpose::Quarantine => &self.quarantine,
        }
    }
}

fn associated(purpose: Purpose, owner: &[u8]) -> Vec<u8> {
    [purpose.label(), b"/", owner].concat()
}

/// Compares without telling by its time where two values differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(u8);
    impl Random for Count {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    fn vault(byte: u8) -> Vault {
        Vault::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_number_opens_for_its_terminal_only() {
        let vault = vault(1);
        let number = E164::parse("+447911123456").unwrap();
        let sealed = vault.seal_number(&number, &mut Count(0)).unwrap();
        let key = vault.terminal_key(&number);
        assert_eq!(vault.open_number(key, &sealed), Ok(number));
        assert_eq!(vault.open_number(TerminalKey([0; 16]), &sealed), Err(VaultError));
        assert_eq!(super::tests::vault(2).open_number(key, &sealed), Err(VaultError));
        assert!(!sealed.0.windows(4).any(|w| w == b"7911"));
        for at in 0..sealed.0.len() {
            let mut bad = sealed.clone();
            bad.0[at] ^= 1;
            assert_eq!(vault.open_number(key, &bad), Err(VaultError));
        }
    }

    #[test]
    fn purposes_do_not_mix() {
        let vault = vault(1);
        let sealed = vault.seal(Purpose::AppSecret, b"a", b"s", &mut Count(0)).unwrap();
        assert!(vault.open(Purpose::AppSecret, b"a", &sealed).is_ok());
        assert!(vault.open(Purpose::AppSecret, b"b", &sealed).is_err());
        assert!(vault.open(Purpose::SigningKey, b"a", &sealed).is_err());
        assert!(vault.open(Purpose::AppSecret, b"a", &Sealed(vec![1; 11])).is_err());
    }

    #[test]
    fn subjects_are_pairwise_and_unions_shared() {
        let vault = vault(1);
        let account = AccountId([7; 16]);
        let a = ClientId::new("a").unwrap();
        let b = ClientId::new("b").unwrap();
        assert_ne!(vault.subject(&a, account), vault.subject(&b, account));
        assert_eq!(vault.union_id("dev", account), vault.union_id("dev", account));
        assert_ne!(vault.union_id("dev", account), vault.union_id("other", account));
        assert_ne!(vault.subject(&a, account), vault.union_id("a", account));
    }
}
