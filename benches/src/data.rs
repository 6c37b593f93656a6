//! The input: events of about 500 bytes, shape OCSF.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::Result;

/// A file of so many events, made once.
pub(crate) fn events(dir: &Path, count: u64) -> Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let path = dir.join(format!("events-{count}.ndjson"));
    if path.exists() {
        return Ok(path);
    }
    let half = path.with_extension("half");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&half)?);
    for n in 0..count {
        writeln!(
            out,
            concat!(
                r#"{{"activity_id":{},"category_uid":6,"class_uid":6003,"type_uid":60030{},"severity_id":1,"time":{},"#,
                r#""metadata":{{"version":"1.8.0","uid":"{:08x}-0000-4000-8000-{:012x}","product":{{"name":"NGINX","vendor_name":"F5"}}}},"#,
                r#""src_endpoint":{{"ip":"198.51.{}.{}","port":{}}},"http_request":{{"http_method":"GET","#,
                r#""url":{{"path":"/api/orders/{}","query_string":"page={}&size=50"}},"user_agent":"Mozilla/5.0 (X11; Linux x86_64)"}},"#,
                r#""http_response":{{"code":{},"length":{}}},"duration":{}.{:02}}}"#,
            ),
            n % 7 + 1,
            n % 7 + 1,
            1_790_000_000_000 + n,
            n.wrapping_mul(2_654_435_761) as u32,
            n,
            n / 250 % 250,
            n % 250,
            1024 + n % 60_000,
            n % 100_000,
            n % 40,
            if n % 50 == 0 { 404 } else { 200 },
            n * 37 % 20_000,
            n % 900,
            n % 100,
        )?;
    }
    out.into_inner()?.sync_all()?;
    fs::rename(&half, &path)?;
    Ok(path)
}
