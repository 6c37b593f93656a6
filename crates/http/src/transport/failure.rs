//! What a failed exchange means, in our own words.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription as Alert, CertificateError as Certificate};
use watchfloor_core::{Kind, Outcome};

use crate::{Reach, Verdict};

pub(super) fn down(kind: Kind, outcome: Outcome, what: &str) -> Verdict {
    Verdict::new(kind, outcome, what).reach(Reach::Endpoint)
}

/// What a failure before the head of an answer means: `NotSent` only where no connection was made.
///
/// A handshake that failed is tried again like any other connection: certificates are renewed, and
/// another endpoint's may be good.
pub(super) fn unsent(e: &reqwest::Error) -> Verdict {
    use Outcome::{NotSent, Unknown};
    if e.is_dns() {
        let what = "the name of the host was not resolved";
        return down(Kind::Unavailable, NotSent, what).stage("dns");
    }
    let tls = tls_error(e);
    if e.is_connect() {
        if let Some(tls) = tls {
            return down(Kind::Unavailable, NotSent, handshake(tls)).stage("tls");
        }
        if let Some(what) = tunnel(e) {
            return down(Kind::Unavailable, NotSent, what).stage("proxy");
        }
        let what = match io_kind(e) {
            _ if e.is_timeout() => {
                let what = "no connection within connect_timeout";
                return down(Kind::Timeout, NotSent, what).stage("connect");
            }
            Some(io::ErrorKind::UnexpectedEof) => {
                let what = "TLS: the other side hung up during the handshake";
                return down(Kind::Unavailable, NotSent, what).stage("tls");
            }
            Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "the host cannot be reached"
            }
            _ => "no connection could be made",
        };
        return down(Kind::Unavailable, NotSent, what).stage("connect");
    }
    if let Some(rustls::Error::AlertReceived(alert)) = tls
        && let Some(what) = refused_certificate(*alert)
    {
        // TLS 1.3 learns after its own part of the handshake that the other side ended it, which
        // has then read no request.
        return down(Kind::Unavailable, NotSent, what).stage("tls");
    }
    if e.is_builder() {
        return Verdict::new(Kind::Internal, NotSent, "the request could not be put together");
    }
    down(Kind::Unavailable, Unknown, "the connection broke before the answer")
}

/// Why a handshake failed.
fn handshake(e: &rustls::Error) -> &'static str {
    use rustls::Error;
    match e {
        Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => {
                "TLS: the certificate is of no trusted issuer (an authority that is not in ca_file \
                 or the system's roots, or self-signed)"
            }
            Certificate::BadSignature => {
                "TLS: the certificate is of no trusted issuer: the one of that name has another key"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "TLS: the certificate is for another name than the URL's"
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "TLS: the certificate has expired"
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "TLS: the certificate is not valid yet"
            }
            Certificate::Revoked => "TLS: the certificate has been revoked",
            _ => "TLS: the certificate cannot be verified",
        },
        Error::AlertReceived(Alert::ProtocolVersion) | Error::PeerIncompatible(_) => {
            "TLS: no version or cipher in common (TLS 1.2 and 1.3 are spoken here)"
        }
        Error::AlertReceived(Alert::UnrecognisedName) => {
            "TLS: the other side knows no certificate for the URL's name"
        }
        Error::AlertReceived(Alert::HandshakeFailure) => {
            "TLS: the other side refused the handshake; it may want a client certificate"
        }
        Error::AlertReceived(alert) => {
            refused_certificate(*alert).unwrap_or("TLS: the other side refused the handshake")
        }
        Error::InvalidMessage(_) => "TLS: what answers there speaks no TLS; is it plain http?",
        _ => "TLS: the handshake failed",
    }
}

/// What an alert about our certificate says.
fn refused_certificate(alert: Alert) -> Option<&'static str> {
    Some(match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "TLS: the other side wants a client certificate: client_cert and client_key"
        }
        Alert::UnknownCA
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::DecryptError
        | Alert::AccessDenied => "TLS: the other side refuses our client certificate",
        _ => return None,
    })
}

/// Why a proxy gave no tunnel. The type of that error is not public, and its text holds nothing
/// but what is compared here.
fn tunnel(e: &reqwest::Error) -> Option<&'static str> {
    let said = sources(e).map(ToString::to_string).find(|t| t.starts_with("tunnel error"))?;
    Some(match said.rsplit(": ").next() {
        Some("proxy authorization required") => {
            "the proxy wants a name and a password, or others: proxy_username, proxy_password"
        }
        Some("failed to create underlying connection") => "the proxy cannot be reached",
        _ => "the proxy made no connection to the host",
    })
}

/// The errors beneath, outermost first.
fn sources(e: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(e.source(), |&e| e.source())
}

/// The kind of the first I/O error beneath; never its text.
fn io_kind(e: &reqwest::Error) -> Option<io::ErrorKind> {
    sources(e).find_map(|e| e.downcast_ref::<io::Error>()).map(inner_kind)
}

/// An I/O error may be wrapped in another that says nothing.
fn inner_kind(e: &io::Error) -> io::ErrorKind {
    match e.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        Some(inner) => inner_kind(inner),
        None => e.kind(),
    }
}

/// The TLS error beneath. An I/O error does not count what it wraps as its source.
fn tls_error<'e>(e: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    std::iter::successors(Some(e), |&e| e.source()).find_map(|e| {
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        e.downcast_ref().or_else(|| wrapped.and_then(|inner| tls_error(inner)))
    })
}
