//! TLS in front of a twin, with an authority that is made when it is needed.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, version};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};
use watchfloor_core::EventId;

/// The names of a twin on this host.
const HERE: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// A certificate authority of a test's own. Its keys live as long as it does.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// An authority that nobody knows yet, of a name of its own.
    ///
    /// # Panics
    /// Where no key can be made.
    pub fn new() -> Self {
        Self::named(&format!("Watchfloor test authority {}", EventId::random()))
    }

    /// The same with this name, which another may have too.
    ///
    /// # Panics
    /// Where no key can be made.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its certificate as PEM: what `ca_file` holds.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A client's certificate and its key, as PEM: what `client_cert` and `client_key` hold.
    ///
    /// # Panics
    /// Where no key can be made.
    pub fn client(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    fn server(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        params.signed_by(key, &self.0).expect("a certificate").der().clone()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// How a twin does TLS: the certificate that it shows, and whether it wants one.
///
/// ```
/// # use std::sync::Arc;
/// # use watchfloor_testkit::{Authority, Server, TestClock, Tls, twins::Hec};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse()?));
/// let authority = Authority::new();
/// let server = Server::start_tls(Hec::new("token"), clock, &Tls::of(&authority)).await?;
/// assert!(server.url().starts_with("https://127.0.0.1:"));
/// // A connector trusts it with `ca_file`: a file that holds `authority.pem()`.
/// # Ok(())
/// # }
/// ```
pub struct Tls {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    clients: Option<CertificateDer<'static>>,
    old: bool,
}

impl Tls {
    /// A good certificate of this authority, for this host.
    ///
    /// # Panics
    /// Where no key can be made, as all that follow.
    pub fn of(authority: &Authority) -> Self {
        Self::made(&HERE, Some(authority), |_| {})
    }

    /// A certificate for other names than those of this host.
    pub fn named(authority: &Authority, names: &[&str]) -> Self {
        Self::made(names, Some(authority), |_| {})
    }

    /// A certificate that ended years ago.
    pub fn expired(authority: &Authority) -> Self {
        Self::made(&HERE, Some(authority), |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        })
    }

    /// A certificate that begins in a far year.
    pub fn not_yet_valid(authority: &Authority) -> Self {
        Self::made(&HERE, Some(authority), |params| params.not_before = date_time_ymd(4000, 1, 1))
    }

    /// A certificate that nobody but itself vouches for.
    pub fn self_signed() -> Self {
        Self::made(&HERE, None, |_| {})
    }

    /// Wants a client certificate of this authority, and refuses who has none.
    pub fn wanting_client(mut self, authority: &Authority) -> Self {
        self.clients = Some(authority.0.der().clone());
        self
    }

    /// Speaks TLS 1.2 alone.
    pub fn version_1_2(mut self) -> Self {
        self.old = true;
        self
    }

    fn made(
        names: &[&str],
        authority: Option<&Authority>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "Watchfloor twin");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = match authority {
            Some(authority) => authority.server(&params, &key),
            None => params.self_signed(&key).expect("a certificate").der().clone(),
        };
        Self { chain: vec![certificate], key, clients: None, old: false }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.old { &[&version::TLS12] } else { &[&version::TLS13, &version::TLS12] };
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .expect("versions");
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone()).expect("an authority");
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let config = builder.with_single_cert(self.chain.clone(), key.into());
        TlsAcceptor::from(Arc::new(config.expect("a certificate with its key")))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("wants_client", &self.clients.is_some()).finish_non_exhaustive()
    }
}

/// The connection after its handshake; `None` where there was none.
pub(crate) async fn accepted(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => Some(stream),
        Err((_, mut stream)) => {
            // What a client has sent meanwhile is read away: closing on unread bytes resets the
            // connection, and the alert that says why would be lost.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
            None
        }
    }
}
