//! The content of certificates.

use std::time::SystemTime;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;

use super::constraints::only_hosts_below;
use super::key::{Key, random};
use crate::error::{Context, Result};

/// The CA's name, as certificate stores show it.
pub const CA_NAME: &str = "cargo xtask local CA (localhost only)";
/// The domain of all its names.
const DOMAIN: &str = "localhost";

/// Version of the CA certificate's content: a CA with a lower one is replaced. 1: also limited to
/// servers, and without e-mail and URI names.
pub(super) const FORM: u32 = 1;
pub(super) const CA_DAYS: u64 = 3650;
/// Lifetime in days. Apple's systems accept at most 825 (support.apple.com/103769), including the day
/// before it was issued.
pub(super) const LEAF_DAYS: u64 = 824;
const DAY: u64 = 24 * 60 * 60;

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The CA's own certificate, and its expiry.
pub(super) fn ca(key: &Key, now: SystemTime) -> Result<(Certificate, u64)> {
    let (mut params, ends) = params(key, now, CA_DAYS)?;
    params.distinguished_name = ca_name();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = ca_usages();
    // A stolen key can only impersonate servers of this machine.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.custom_extensions = vec![only_hosts_below(DOMAIN)];
    Ok((params.self_signed(key).context("make the CA's certificate")?, ends))
}

/// A server certificate for `hosts`, signed by the CA, and its expiry.
pub(super) fn leaf(key: &Key, hosts: &[String], authority: &Key, now: SystemTime) -> Result<(Certificate, u64)> {
    let (mut params, ends) = params(key, now, LEAF_DAYS)?;
    let name = hosts.first().map_or(DOMAIN, String::as_str);
    // At most 64 characters (RFC 5280, ub-common-name), only for display.
    params.distinguished_name.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    for host in hosts {
        let name = host.as_str().try_into().context(format!("put `{host}` into a certificate"))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // Signing only uses these three fields of the CA's certificate.
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = ca_name();
    issuer.key_usages = ca_usages();
    issuer.key_identifier_method = KeyIdMethod::PreSpecified(authority.id());
    let issuer = Issuer::from_params(&issuer, authority);
    Ok((params.signed_by(key, &issuer).context("sign the certificate")?, ends))
}

fn ca_name() -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, CA_NAME);
    name
}

fn ca_usages() -> Vec<KeyUsagePurpose> {
    vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]
}

/// Whether a certificate with this expiry and lifetime is not valid yet, because the clock was set
/// back.
pub(super) fn is_from_future(ends: u64, days: u64, now: SystemTime) -> bool {
    ends > seconds(now) + (days + 1) * DAY
}

/// Valid from a day ago (clocks differ) for `days`.
fn params(key: &Key, now: SystemTime, days: u64) -> Result<(CertificateParams, u64)> {
    let now = seconds(now);
    let ends = now + days * DAY;
    let date = |seconds: u64| {
        let seconds = i64::try_from(seconds).context("count seconds")?;
        OffsetDateTime::from_unix_timestamp(seconds).context("make a date")
    };
    let mut serial = random::<16>()?;
    // Positive, without leading zeros (RFC 5280, 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::default();
    params.not_before = date(now.saturating_sub(DAY))?;
    params.not_after = date(ends)?;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.id());
    Ok((params, ends))
}
