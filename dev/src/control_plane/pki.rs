//! The control plane's own certificate authority, made anew for each.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::kubeconfig::write_private;
use crate::error::Error;

pub(super) const CA_CERTIFICATE: &str = "ca.crt";
pub(super) const SERVER_CERTIFICATE: &str = "server.crt";
pub(super) const SERVER_KEY: &str = "server.key";
pub(super) const ADMIN_CERTIFICATE: &str = "admin.crt";
pub(super) const ADMIN_KEY: &str = "admin.key";
/// Signs the tokens of service accounts.
pub(super) const SERVICE_ACCOUNT_KEY: &str = "service-account.key";
/// Proves the tokens of service accounts.
pub(super) const SERVICE_ACCOUNT_PUBLIC_KEY: &str = "service-account.pub";

/// What a client needs to be the administrator, each as PEM.
pub(super) struct Identities {
    pub(super) ca: String,
    pub(super) admin: String,
    pub(super) admin_key: String,
}

/// Makes all keys and certificates and writes them into `directory`.
pub(super) fn write(directory: &Path) -> Result<Identities, Error> {
    let made = make().map_err(|error| Error::Certificate(error.to_string()))?;
    let Made { identities, server_pem, server_key_pem, service_account_key } = made;
    for (name, pem) in [
        (CA_CERTIFICATE, &identities.ca),
        (SERVER_CERTIFICATE, &server_pem),
        (SERVER_KEY, &server_key_pem),
        (ADMIN_CERTIFICATE, &identities.admin),
        (ADMIN_KEY, &identities.admin_key),
        (SERVICE_ACCOUNT_KEY, &service_account_key.serialize_pem()),
        (SERVICE_ACCOUNT_PUBLIC_KEY, &service_account_key.public_key_pem()),
    ] {
        write_private(&directory.join(name), pem)?;
    }
    Ok(identities)
}

struct Made {
    identities: Identities,
    server_pem: String,
    server_key_pem: String,
    service_account_key: KeyPair,
}

fn make() -> Result<Made, rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "rollcall-dev");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let ca = Issuer::new(ca, ca_key);

    let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let server = CertificateParams::new(names.map(str::to_owned))?;
    let (server_pem, server_key_pem) =
        issue(server, "kube-apiserver", ExtendedKeyUsagePurpose::ServerAuth, &ca)?;

    let mut subject = CertificateParams::default();
    // The group that RBAC's bootstrap policy makes cluster administrators.
    subject.distinguished_name.push(DnType::OrganizationName, "system:masters");
    let (admin, admin_key) = issue(subject, "admin", ExtendedKeyUsagePurpose::ClientAuth, &ca)?;

    Ok(Made {
        identities: Identities { ca: ca_pem, admin, admin_key },
        server_pem,
        server_key_pem,
        service_account_key: KeyPair::generate()?,
    })
}

/// Signs a certificate for a fresh key and returns both as PEM.
fn issue(
    mut subject: CertificateParams,
    common_name: &str,
    usage: ExtendedKeyUsagePurpose,
    ca: &Issuer<'_, KeyPair>,
) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    subject.distinguished_name.push(DnType::CommonName, common_name);
    subject.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    subject.extended_key_usages = vec![usage];
    Ok((subject.signed_by(&key, ca)?.pem(), key.serialize_pem()))
}
