//! Tables, columns, states and choices as they come out of the box.

/// Columns of a task table; what is not one is ignored, in conditions and in writes.
const TASK: &[&str] = &[
    "sys_id",
    "number",
    "state",
    "short_description",
    "description",
    "impact",
    "urgency",
    "priority",
    "correlation_id",
    "correlation_display",
    "assignment_group",
    "assigned_to",
    "parent",
    "sys_created_on",
    "sys_updated_on",
    "sys_mod_count",
    "close_code",
    "close_notes",
    "work_notes",
    "comments",
    "caller_id",
    "category",
    "subcategory",
    "cmdb_ci",
    "business_service",
];

/// A table of tasks.
pub(super) struct Table {
    /// What the numbers of its records begin with.
    pub(super) prefix: &'static str,
    /// Columns that it has beside those of every task.
    columns: &'static [&'static str],
    /// Value, label, label in Japanese; the first is the one of a new record.
    pub(super) states: &'static [(&'static str, &'static str, &'static str)],
    /// The states that are reached with a close code and notes alone.
    pub(super) closing: &'static [&'static str],
    /// The states that no record leaves.
    pub(super) last: &'static [&'static str],
    /// All states in which nobody works on it any more.
    pub(super) done: &'static [&'static str],
    pub(super) close_codes: &'static [(&'static str, &'static str, &'static str)],
}

pub(super) fn task(table: &str) -> Option<&'static Table> {
    Some(match table {
        "incident" => &INCIDENT,
        "sn_si_incident" => &SECURITY_INCIDENT,
        "problem" => &PROBLEM,
        "change_request" => &CHANGE,
        _ => return None,
    })
}

const INCIDENT: Table = Table {
    prefix: "INC",
    columns: &["incident_state", "hold_reason", "parent_incident", "severity"],
    states: &[
        ("1", "New", "新規"),
        ("2", "In Progress", "進行中"),
        ("3", "On Hold", "保留"),
        ("6", "Resolved", "解決済み"),
        ("7", "Closed", "クローズ済み"),
        ("8", "Canceled", "キャンセル済み"),
    ],
    closing: &["6", "7"],
    last: &["7", "8"],
    done: &["6", "7", "8"],
    close_codes: &[
        ("Duplicate", "Duplicate", "重複"),
        ("Known error", "Known error", "既知のエラー"),
        ("No resolution provided", "No resolution provided", "解決なし"),
        ("Solution provided", "Solution provided", "解決策を提供"),
        ("User error", "User error", "ユーザーエラー"),
        ("Workaround provided", "Workaround provided", "回避策を提供"),
    ],
};

const SECURITY_INCIDENT: Table = Table {
    prefix: "SIR",
    columns: &["parent_security_incident", "risk_score", "business_criticality", "attack_vector"],
    states: &[
        ("10", "Draft", "ドラフト"),
        ("16", "Analysis", "分析"),
        ("18", "Contain", "封じ込め"),
        ("19", "Eradicate", "根絶"),
        ("20", "Recover", "復旧"),
        ("100", "Review", "レビュー"),
        ("3", "Closed", "クローズ済み"),
        ("7", "Cancelled", "キャンセル済み"),
    ],
    closing: &["3"],
    last: &["3", "7"],
    done: &["3", "7"],
    close_codes: &[
        ("Investigation completed", "Investigation completed", "調査完了"),
        ("Threat mitigated", "Threat mitigated", "脅威を軽減"),
        ("False positive", "False positive", "誤検知"),
    ],
};

const PROBLEM: Table = Table {
    prefix: "PRB",
    columns: &[],
    states: &[
        ("101", "New", "新規"),
        ("104", "Fix in Progress", "対応中"),
        ("107", "Closed", "終了"),
    ],
    closing: &[],
    last: &[],
    done: &["107"],
    close_codes: &[],
};

const CHANGE: Table = Table {
    prefix: "CHG",
    columns: &[],
    states: &[("-5", "New", "新規"), ("-1", "Implement", "実装"), ("3", "Closed", "終了")],
    closing: &[],
    last: &[],
    done: &["3"],
    close_codes: &[],
};

/// The columns of a table; none where there is no such table.
pub(super) fn columns(table: &str) -> Vec<&'static str> {
    let others: &[&str] = match table {
        "sys_user_group" => &["sys_id", "name", "active"],
        "sys_user" => &["sys_id", "user_name", "email", "name", "active"],
        "sys_choice" => &[
            "sys_id",
            "name",
            "element",
            "value",
            "label",
            "language",
            "inactive",
            "sequence",
            "dependent_value",
        ],
        "sys_dictionary" => {
            &["sys_id", "name", "element", "internal_type", "max_length", "mandatory"]
        }
        "sys_journal_field" => &[
            "sys_id",
            "name",
            "element_id",
            "element",
            "value",
            "sys_created_on",
            "sys_created_by",
        ],
        "sys_attachment" => &[
            "sys_id",
            "file_name",
            "table_name",
            "table_sys_id",
            "content_type",
            "size_bytes",
            "hash",
            "sys_created_on",
        ],
        _ => {
            let of_task = |t: &Table| TASK.iter().chain(t.columns).copied().collect();
            return task(table).map(of_task).unwrap_or_default();
        }
    };
    others.to_vec()
}

/// Columns of tasks whose text has a limit: type and length.
pub(super) const LENGTHS: &[(&str, &str, usize)] = &[
    ("short_description", "string", 160),
    ("description", "string", 4000),
    ("close_notes", "string", 4000),
    ("correlation_id", "string", 100),
    ("correlation_display", "string", 100),
    ("work_notes", "journal_input", 4000),
    ("comments", "journal_input", 4000),
];
