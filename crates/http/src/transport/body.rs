//! Bodies: those of answers, bounded as they come and as they are unpacked, and packed requests.

use std::io::{Read, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use watchfloor_core::{Clock, Kind, Outcome, Result};

use crate::request::Parts;
use crate::{Reach, Verdict};

/// Bodies are packed from this size on, in bytes: below it there is little to gain.
const PACKED_FROM: usize = 1024;
/// From this size on another thread packs, so that what else its task does goes on.
const ASIDE_FROM: usize = 64 << 10;

/// Packs the body of a request, once for all its attempts: each sends the same bytes (T3). One
/// that is small, already packed, or that packing would not shorten stays as it is.
pub(crate) async fn pack(parts: &mut Parts, clock: &Arc<dyn Clock>) {
    if parts.body.len() < PACKED_FROM || parts.headers.contains_key(header::CONTENT_ENCODING) {
        return;
    }
    let body = parts.body.clone();
    let packed = if body.len() < ASIDE_FROM {
        packed(&body)
    } else {
        let _busy = clock.busy();
        tokio::task::spawn_blocking(move || packed(&body)).await.ok().flatten()
    };
    if let Some(packed) = packed {
        parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        parts.body = packed;
    }
}

fn packed(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < body.len()).then(|| packed.into())
}

/// The whole body, unpacked; `max` bounds it before and after.
pub(crate) async fn read(
    mut response: reqwest::Response,
    headers: &mut HeaderMap,
    max: usize,
) -> Result<Bytes, Verdict> {
    let status = response.status();
    let said = response.content_length().unwrap_or_default();
    if said > max as u64 {
        return Err(too_large(status));
    }
    let broke_off = |_| {
        let what = "the answer broke off";
        Verdict::new(Kind::Unavailable, after(status), what).reach(Reach::Endpoint)
    };
    // Most answers come in one piece, which need not be copied.
    let first = response.chunk().await.map_err(broke_off)?.unwrap_or_default();
    let mut more = BytesMut::new();
    let mut length = first.len();
    while length <= max {
        let Some(chunk) = response.chunk().await.map_err(broke_off)? else {
            let whole = if more.is_empty() { first } else { more.freeze() };
            return unpack(status, headers, whole, max);
        };
        if more.is_empty() {
            more.reserve((said as usize).max(first.len() + chunk.len()));
            more.extend_from_slice(&first);
        }
        length += chunk.len();
        more.extend_from_slice(&chunk);
    }
    Err(too_large(status))
}

fn unpack(
    status: StatusCode,
    headers: &mut HeaderMap,
    body: Bytes,
    max: usize,
) -> Result<Bytes, Verdict> {
    let protocol = |what: &str| Verdict::new(Kind::Protocol, after(status), what);
    let encoding = match headers.get(header::CONTENT_ENCODING) {
        None => return Ok(body),
        Some(value) => value.to_str().unwrap_or_default().trim().to_ascii_lowercase(),
    };
    match encoding.as_str() {
        "" | "identity" => Ok(body),
        // An answer without a body, such as a 204, may say gzip and have nothing to unpack.
        _ if body.is_empty() => Ok(body),
        "gzip" | "x-gzip" => {
            let mut plain = Vec::new();
            let mut bounded = MultiGzDecoder::new(&*body).take(max as u64 + 1);
            bounded.read_to_end(&mut plain).map_err(|_| protocol("the answer is no whole gzip"))?;
            if plain.len() > max {
                return Err(too_large(status));
            }
            headers.remove(header::CONTENT_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
            Ok(plain.into())
        }
        _ => Err(protocol("the answer is packed in a way that was not offered")),
    }
}

/// What became of the effect when the answer cannot be read: a 4xx refused it whatever it says, but
/// for a 400: of a batch it may refuse one item and have taken those before it, as HEC does.
fn after(status: StatusCode) -> Outcome {
    let refused = status.is_client_error() && status != StatusCode::BAD_REQUEST;
    if refused { Outcome::Rejected } else { Outcome::Unknown }
}

fn too_large(status: StatusCode) -> Verdict {
    Verdict::new(Kind::Protocol, after(status), "the answer is larger than max_answer").close()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn unpacked(encoding: &str, body: Bytes, max: usize) -> Result<Bytes, Verdict> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        unpack(StatusCode::OK, &mut headers, body, max)
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(bomb.len() < 8 << 10);
        let refused = unpacked("gzip", bomb.clone(), 1 << 20).unwrap_err();
        assert!(refused.message.contains("max_answer"));
        assert_eq!(unpacked("GZIP", bomb, 4 << 20).unwrap().len(), 4 << 20);
    }

    #[test]
    fn members_are_one_text_and_bounded_together() {
        let one = gzip(&vec![b'x'; 1000]);
        let members: Bytes = std::iter::repeat_n(&one[..], 64).collect::<Vec<_>>().concat().into();
        assert_eq!(unpacked("gzip", members.clone(), 64_000).unwrap().len(), 64_000);
        let refused = unpacked("x-gzip", members.clone(), 63_999).unwrap_err();
        assert!(refused.message.contains("max_answer"));
        let cut = members.slice(..members.len() - 1);
        assert!(unpacked("gzip", cut, 1 << 20).unwrap_err().message.contains("no whole gzip"));
    }

    #[test]
    fn what_is_no_gzip_or_not_offered_is_refused() {
        let whole = gzip(b"some text");
        for (encoding, body) in [
            ("gzip", whole.slice(..whole.len() - 4)),
            ("gzip", whole.slice(..5)),
            ("gzip", "plain".into()),
            ("gzip, gzip", whole.clone()),
            ("br", whole.clone()),
            ("zstd", whole),
        ] {
            let refused = unpacked(encoding, body, 1 << 20).unwrap_err();
            assert_eq!((refused.kind, refused.outcome), (Kind::Protocol, Outcome::Unknown));
        }
        assert!(unpacked("gzip", Bytes::new(), 10).unwrap().is_empty());
        assert_eq!(unpacked("identity", "x".into(), 10).unwrap(), "x");
    }
}
