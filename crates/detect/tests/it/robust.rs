//! Bad input: an error that names the line, never a panic.

use proptest::prelude::*;
use watchfloor_core::TenantId;
use watchfloor_core::mask::{Masker, Mode};
use watchfloor_detect::{Detect, Format};

fn detect() -> Detect {
    Detect::builder(TenantId::new("t"), Masker::new(Mode::Mask, [7; 32])).build()
}

const FORMATS: [Format; 4] = [Format::Nginx, Format::Json, Format::ModSecurity, Format::Ocsf];

#[test]
fn a_bad_line_has_its_number_and_no_secret() {
    for format in FORMATS {
        let error = detect().push_line(format, 7, b"{\"password\":\"cnry-1\" oops").unwrap_err();
        assert_eq!(error.number, 7);
        assert!(error.to_string().starts_with("line 7: "), "{error}");
        assert!(!error.text.contains("cnry") && !error.reason.contains("cnry"), "{error:?}");
    }
}

#[test]
fn blank_lines_are_none() {
    for format in FORMATS {
        assert!(detect().push_line(format, 1, b" \r").unwrap().is_none());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in FORMATS {
            let _ = detect().push_line(format, 1, &line);
        }
    }

    #[test]
    fn any_json_in_the_right_places_is_taken(
        key in "(time|msec|peer|status|uri|x_forwarded_for|user|request)",
        value in "(null|true|-1|1e400|\"\"|\"\\\\u00e4\"|\\[\\]|\\{\\}|\"[ -!#-~]{0,20}\")",
    ) {
        let line = format!("{{\"time\":\"2026-11-24T08:00:00Z\",\"{key}\":{value}}}");
        for format in FORMATS {
            let _ = detect().push_line(format, 1, line.as_bytes());
        }
        let line = format!("{{\"transaction\":{{\"time_stamp\":\"Tue Nov 24 08:50:56 2026\",\"{key}\":{value}}}}}");
        let _ = detect().push_line(Format::ModSecurity, 1, line.as_bytes());
    }
}
