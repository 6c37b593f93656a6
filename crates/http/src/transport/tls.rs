//! Whom a connector trusts over TLS, and who it says it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use watchfloor_core::{Error, Kind, Result, Secret};

use crate::auth;

/// Whom a connector trusts, and who it says it is: the system's roots and no client certificate,
/// unless more is said. TLS 1.2 and 1.3.
///
/// ```
/// use watchfloor_core::{Health, Root, Stage, TenantId};
/// use watchfloor_http::{Auth, ByStatus, Layer, Settings, Tls};
/// # use std::sync::Arc;
/// # use watchfloor_testkit::{Authority, Server, TestClock, twins::Hec};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse()?));
/// # let authority = Authority::new();
/// # let tls = watchfloor_testkit::Tls::of(&authority);
/// # let server = Server::start_tls(Hec::new("token"), clock.clone(), &tls).await?;
/// # let call = Root::new(clock.clone()).scope(TenantId::new("acme")).call();
/// let mut settings = Settings::default();
/// settings.tls = Tls::default().with_authorities(authority.pem().as_bytes())?;
/// let (name, urls) = ("siem".into(), vec![server.url().parse()?]);
/// let client = Layer::new(clock).client(&name, urls, Auth::none(), settings, ByStatus)?;
///
/// client.get("services/collector/health", "splunk.health").send(&call).await?;
/// // What a connector's check adds: "TLS 1.3, verified by ca_file".
/// assert_eq!(client.health(Health::new()).stages[0].0, Stage::Tls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Tls {
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
    unverified: bool,
}

/// A client certificate with the chain above it, and its key as PEM.
#[derive(Clone, PartialEq)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Secret,
}

impl Tls {
    /// Trusts these authorities besides the system's: PEM, one certificate or more.
    ///
    /// [`Kind::Config`] where there is none in it, or one that cannot be read.
    pub fn with_authorities(mut self, pem: &[u8]) -> Result<Self> {
        let certificates = certificates(pem)?;
        let mut store = RootCertStore::empty();
        for (i, certificate) in certificates.iter().enumerate() {
            let read = store.add(certificate.clone());
            read.map_err(|_| config(format!("certificate {} in it cannot be read", i + 1)))?;
        }
        self.authorities.extend(certificates);
        Ok(self)
    }

    /// Shows this certificate to a server that asks for one: PEM, the certificate itself first,
    /// then those that lead to its root. The key is PEM too (PKCS#8, PKCS#1 or SEC1) and not
    /// encrypted.
    ///
    /// [`Kind::Config`] where one of them cannot be read, or the key is another certificate's.
    pub fn with_client_certificate(mut self, chain: &[u8], key: Secret) -> Result<Self> {
        let identity = Identity { chain: certificates(chain)?, key };
        CertifiedKey::from_der(identity.chain.clone(), identity.private_key()?, &provider())
            .map_err(|e| match e {
                rustls::Error::InconsistentKeys(_) => config("the key is another certificate's"),
                _ => config("the certificate or its key cannot be read"),
            })?;
        self.identity = Some(identity);
        Ok(self)
    }

    /// Takes every certificate, so that whoever sits on the way reads and answers everything, the
    /// credential with it. For a laboratory. Each client that is made so logs a warning.
    pub fn danger_accept_invalid_certs(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// Whether every certificate is taken.
    pub fn is_unverified(&self) -> bool {
        self.unverified
    }

    /// What the handshakes are made with. Where none is `expected`, the system's roots are not
    /// read and none succeeds.
    pub(super) fn config(&self, expected: bool, seen: Arc<Seen>) -> Result<rustls::ClientConfig> {
        let unfit = |_| config("TLS cannot be set up with the cryptography of this process");
        let provider = provider();
        let trust = match (self.unverified, expected) {
            (true, _) => Trust::Anybody,
            (false, true) => self.roots(&provider)?,
            (false, false) => Trust::Roots { added: None, system: None },
        };
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(Verifier { trust, algorithms, seen });
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut made = match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.private_key()?)
                .map_err(unfit)?,
            None => builder.with_no_client_auth(),
        };
        made.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(made)
    }

    fn roots(&self, provider: &Arc<CryptoProvider>) -> Result<Trust> {
        let added = if self.authorities.is_empty() {
            None
        } else {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(self.authorities.iter().cloned());
            WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone()).build().ok()
        };
        let system = rustls_platform_verifier::Verifier::new(provider.clone()).ok();
        if added.is_none() && system.is_none() {
            return Err(config("the system has no root certificates; name some with ca_file"));
        }
        Ok(Trust::Roots { added, system: system.map(Box::new) })
    }
}

impl Identity {
    fn private_key(&self) -> Result<PrivateKeyDer<'static>> {
        let pem = auth::text(&self.key);
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            config(if pem.contains("ENCRYPTED") {
                "the key is encrypted; give it without a pass phrase"
            } else {
                "the key is no private key in PEM"
            })
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.len())
            .field("client_certificate", &self.identity.is_some())
            .field("unverified", &self.unverified)
            .finish()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|_| config("the PEM is broken"))?;
    if all.is_empty() {
        return Err(config("there is no certificate in it (PEM, BEGIN CERTIFICATE)"));
    }
    Ok(all)
}

fn config(what: impl Into<String>) -> Error {
    Error::new(Kind::Config, what)
}

/// The cryptography that the process has chosen, else our own.
fn provider() -> Arc<CryptoProvider> {
    let chosen = CryptoProvider::get_default().cloned();
    chosen.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()))
}

/// Verifies a server, and notes what it saw.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Arc<Seen>,
}

#[derive(Debug)]
enum Trust {
    Roots {
        added: Option<Arc<WebPkiServerVerifier>>,
        system: Option<Box<rustls_platform_verifier::Verifier>>,
    },
    Anybody,
}

const BY_SYSTEM: u8 = 1;
const BY_ADDED: u8 = 2;
const BY_NOBODY: u8 = 3;

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (added, system) = match &self.trust {
            Trust::Roots { added, system } => (added, system),
            Trust::Anybody => {
                self.seen.by.store(BY_NOBODY, Ordering::Relaxed);
                return Ok(ServerCertVerified::assertion());
            }
        };
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let mut refused = unknown.clone();
        // What was added comes first: where it is enough, the system need not be asked.
        let verifiers: [(_, Option<&dyn ServerCertVerifier>); 2] = [
            (BY_ADDED, added.as_deref().map(|v| v as _)),
            (BY_SYSTEM, system.as_deref().map(|v| v as _)),
        ];
        for (by, verifier) in verifiers {
            let Some(verifier) = verifier else { continue };
            match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                Ok(verified) => {
                    self.seen.by.store(by, Ordering::Relaxed);
                    return Ok(verified);
                }
                // "Expired" by one says more than "unknown" by the other.
                Err(e) if refused == unknown => refused = e,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.seen.version.store(12, Ordering::Relaxed);
        if matches!(self.trust, Trust::Anybody) {
            // Old devices have certificates that cannot even be read.
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.seen.version.store(13, Ordering::Relaxed);
        if matches!(self.trust, Trust::Anybody) {
            // Old devices have certificates that cannot even be read.
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What the last handshake showed. A resumed one shows nothing new.
#[derive(Debug, Default)]
pub(super) struct Seen {
    version: AtomicU8,
    by: AtomicU8,
}

impl Seen {
    pub(super) fn words(&self) -> Option<String> {
        let version = match self.version.load(Ordering::Relaxed) {
            12 => "TLS 1.2",
            13 => "TLS 1.3",
            _ => return None,
        };
        let by = match self.by.load(Ordering::Relaxed) {
            BY_SYSTEM => "verified by the system's roots",
            BY_ADDED => "verified by ca_file",
            _ => "not verified: danger_accept_invalid_certs",
        };
        Some(format!("{version}, {by}"))
    }
}
