//! What Google says of a device whose attestation key it provisioned over the air
//! (extension 1.3.6.1.4.1.11129.2.1.30).

/// The map's facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioning {
    /// Key 1: how many certificates this device was given in the last 30 days. Many are a sign of a
    /// device that signs for others.
    pub certificates_issued: Option<u64>,
    /// Key 3: who made the device.
    pub manufacturer: Option<String>,
}
