//! Randomness of the operating system, as aws-lc gives it.

use crate::DevError;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], DevError> {
    let mut bytes = [0; N];
    let advice = "this machine gives no randomness; nothing safe can run on it";
    aws_lc_rs::rand::fill(&mut bytes).map_err(DevError::at("make a key", advice))?;
    Ok(bytes)
}

/// `N` random bytes in base64url.
pub(crate) fn text<const N: usize>() -> Result<String, DevError> {
    Ok(twinpath_wire::b64::encode(bytes::<N>()?))
}
