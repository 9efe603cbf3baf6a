//! The roots that chains must end at.

use super::limits;
use crate::pem;
use crate::x509::Certificate;

/// A set of trusted roots. A chain's end is matched by subject and public key, so that a root
/// renewed with the same key, which is how the published RSA root came in several editions, stays one.
#[derive(Clone, Debug)]
pub struct Roots {
    /// DER that has been read once.
    certificates: Vec<Vec<u8>>,
}

/// A file of roots that cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RootsError {
    /// Neither PEM nor a JSON array of PEM texts.
    #[error("the roots are neither PEM certificates nor a JSON array of them: {0}")]
    Form(String),
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
    /// The roots Google has published (`https://android.googleapis.com/attestation/root`), as this
    /// release knows them: the RSA root and the EC root of 2026.
    pub fn published() -> Self {
        // A test sees to it that the file in this crate can be read.
        Self::parse(include_str!("../../data/android-roots.json"))
            .unwrap_or(Self { certificates: Vec::new() })
    }

    /// Roots from a file: PEM certificates, or the JSON array of PEM texts that Google publishes.
    pub fn parse(text: &str) -> Result<Self, RootsError> {
        let pem = if text.trim_start().starts_with('[') {
            let texts: Vec<String> =
                serde_json::from_str(text).map_err(|error| RootsError::Form(error.to_string()))?;
            texts.join("\n")
        } else {
            text.to_owned()
        };
        let certificates = pem::certificates(&pem, limits::ROOTS).map_err(|error| match error {
            pem::PemError::TooMany(limit) => RootsError::TooMany(limit),
            other => RootsError::Form(other.to_string()),
        })?;
        if certificates.is_empty() {
            return Err(RootsError::Empty);
        }
        for (index, der) in certificates.iter().enumerate() {
            Certificate::parse(der)
                .map_err(|fault| RootsError::Certificate(index + 1, fault.to_string()))?;
        }
        Ok(Self { certificates })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Certificate<'_>> {
        self.certificates.iter().filter_map(|der| Certificate::parse(der).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_roots_are_the_two() {
        let roots = Roots::published();
        let names: Vec<_> = roots.iter().map(|root| root.subject.display()).collect();
        assert_eq!(names.len(), 2);
        assert_eq!(names[0], "serialNumber=f92009e853b6b045");
        assert!(names[1].starts_with("CN=Key Attestation CA1"), "{}", names[1]);
        assert!(roots.iter().all(|root| root.signed_by(&root.key).is_ok()));
    }

    #[test]
    fn files_that_hold_no_roots_are_refused() {
        assert_eq!(Roots::parse("").unwrap_err(), RootsError::Empty);
        assert_eq!(Roots::parse("[]").unwrap_err(), RootsError::Empty);
        assert!(matches!(Roots::parse("[1]"), Err(RootsError::Form(_))));
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----";
        assert!(matches!(Roots::parse(broken), Err(RootsError::Certificate(1, _))));
        let many = broken.repeat(limits::ROOTS + 1);
        assert_eq!(Roots::parse(&many).unwrap_err(), RootsError::TooMany(limits::ROOTS));
    }
}
