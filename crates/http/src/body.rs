//! Bodies of answers: bounded as they come and as they are unpacked.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use watchfloor_core::{Kind, Outcome, Result};

use crate::{Reach, Verdict};

/// The whole body, unpacked; `max` bounds it before and after.
pub(crate) async fn read(
    mut response: reqwest::Response,
    headers: &mut HeaderMap,
    max: usize,
) -> Result<Bytes, Verdict> {
    let status = response.status();
    if response.content_length().is_some_and(|n| n > max as u64) {
        return Err(too_large(status));
    }
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max => return Err(too_large(status)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => {
                let what = "the answer broke off";
                return Err(
                    Verdict::new(Kind::Unavailable, after(status), what).reach(Reach::Endpoint)
                );
            }
        }
    }
    unpack(status, headers, body.freeze(), max)
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

/// What became of the effect when the answer cannot be read: a 4xx refused it whatever it says.
fn after(status: StatusCode) -> Outcome {
    if status.is_client_error() { Outcome::Rejected } else { Outcome::Unknown }
}

fn too_large(status: StatusCode) -> Verdict {
    Verdict::new(Kind::Protocol, after(status), "the answer is larger than max_answer").close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

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
    fn what_is_no_gzip_or_not_offered_is_refused() {
        let whole = gzip(b"some text");
        for (encoding, body) in
            [("gzip", whole.slice(..whole.len() - 4)), ("gzip", "plain".into()), ("zstd", whole)]
        {
            let refused = unpacked(encoding, body, 1 << 20).unwrap_err();
            assert_eq!((refused.kind, refused.outcome), (Kind::Protocol, Outcome::Unknown));
        }
        assert!(unpacked("gzip", Bytes::new(), 10).unwrap().is_empty());
        assert_eq!(unpacked("identity", "x".into(), 10).unwrap(), "x");
    }
}
