//! The roots that chains must end at.

/// A set of trusted roots. A chain's end is matched by subject and public key, so that a root
/// renewed with the same key, which is how the published RSA root came in several editions, stays one.
#[derive(Clone, Debug)]
pub struct Roots {
    pub(super) anchors: Vec<Anchor>,
}

/// One root: name and key are all that counts of it (RFC 5280 6.1.1 d).
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) certificate: Vec<u8>,
}

/// A file of roots that cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RootsError {
    /// Neither PEM nor a JSON array of PEM texts.
    #[error("the roots are neither PEM certificates nor a JSON array of them")]
    Form,
    /// No certificate in it.
    #[error("there is no certificate among the roots")]
    Empty,
    /// More than [`super::limits::ROOTS`].
    #[error("there are more than {0} roots")]
    TooMany(usize),
    /// A certificate that cannot be read.
    #[error("root {0} cannot be read: {1}")]
    Certificate(usize, String),
}

impl Roots {
    /// The roots Google has published, as this release knows them.
    pub fn published() -> Self {
        todo!()
    }

    /// Roots from a file: PEM certificates, or the JSON array of PEM texts that Google publishes.
    pub fn parse(text: &str) -> Result<Self, RootsError> {
        let _ = text;
        todo!()
    }
}
