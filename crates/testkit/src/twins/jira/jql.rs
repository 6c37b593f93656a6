//! The part of JQL that clients look issues up with: clauses joined by `AND`.

/// A clause: a field, an operator and one value or several.
#[derive(Debug, PartialEq)]
pub(super) struct Clause {
    /// In lower case.
    pub(super) field: String,
    pub(super) operator: Operator,
    pub(super) values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    In,
    NotIn,
    AtLeast,
    AtMost,
}

/// A query and whether its newest issues come first.
#[derive(Debug, PartialEq)]
pub(super) struct Jql {
    pub(super) clauses: Vec<Clause>,
    pub(super) descending: bool,
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(String),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        match self {
            Self::Word(own) => own.eq_ignore_ascii_case(word),
            Self::Sign(own) => own == word,
            Self::Quoted(_) => false,
        }
    }

    fn text(self) -> Option<String> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            Self::Sign(_) => None,
        }
    }
}

impl Jql {
    /// Reads a query; `None` if it is not of this part of JQL.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let (mut clauses, mut descending) = (Vec::new(), false);
        while let Some(token) = tokens.next() {
            if token.is("order") {
                tokens.next().filter(|t| t.is("by"))?;
                // Whatever the field: ids, creation and updates run the same way here.
                let words: Vec<_> = tokens.collect();
                descending = words.get(1).is_some_and(|t| t.is("desc"));
                return Some(Self { clauses, descending });
            }
            let token = if clauses.is_empty() {
                token
            } else {
                Some(token).filter(|t| t.is("and"))?;
                tokens.next()?
            };
            let field = token.text()?.to_lowercase();
            let mut sign = tokens.next()?;
            let negated = sign.is("not");
            if negated {
                sign = tokens.next().filter(|t| t.is("in"))?;
            }
            let mut values = Vec::new();
            let operator = if sign.is("in") {
                tokens.next().filter(|t| t.is("("))?;
                loop {
                    values.push(tokens.next()?.text()?);
                    if tokens.next().filter(|t| t.is(",") || t.is(")"))?.is(")") {
                        break;
                    }
                }
                if negated { Operator::NotIn } else { Operator::In }
            } else {
                values.push(tokens.next()?.text()?);
                match sign {
                    Token::Sign(s) if s == "=" => Operator::In,
                    Token::Sign(s) if s == "!=" => Operator::NotIn,
                    Token::Sign(s) if s == ">=" => Operator::AtLeast,
                    Token::Sign(s) if s == "<=" => Operator::AtMost,
                    _ => return None,
                }
            };
            clauses.push(Clause { field, operator, values });
        }
        Some(Self { clauses, descending })
    }
}

impl Clause {
    /// Whether a field with these values is one that the clause wants. A field without a value
    /// matches nothing, not even what is not equal.
    pub(super) fn holds(&self, own: &[String]) -> bool {
        let any = || own.iter().any(|v| self.values.iter().any(|w| w == v));
        let number = |text: Option<&String>| text.and_then(|t| t.parse::<i64>().ok());
        let (own_number, wanted) = (number(own.first()), number(self.values.first()));
        match self.operator {
            Operator::In => any(),
            Operator::NotIn => !own.is_empty() && !any(),
            Operator::AtLeast => own_number.zip(wanted).is_some_and(|(own, wanted)| own >= wanted),
            Operator::AtMost => own_number.zip(wanted).is_some_and(|(own, wanted)| own <= wanted),
        }
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if c.is_whitespace() => {}
            '"' | '\'' => {
                let mut quoted = String::new();
                loop {
                    match chars.next()? {
                        '\\' => quoted.push(chars.next()?),
                        end if end == c => break,
                        other => quoted.push(other),
                    }
                }
                tokens.push(Token::Quoted(quoted));
            }
            '=' | '(' | ')' | ',' => tokens.push(Token::Sign(c.to_string())),
            '!' | '>' | '<' => {
                chars.next_if_eq(&'=')?;
                tokens.push(Token::Sign(format!("{c}=")));
            }
            _ => {
                let mut word = c.to_string();
                let part = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
                while let Some(next) = chars.next_if(part) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(field: &str, operator: Operator, values: &[&str]) -> Clause {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        Clause { field: field.to_owned(), operator, values }
    }

    #[test]
    fn clauses_and_order() {
        let text = r#"project = SEC AND labels in ("a b", c) AND Created >= 5 and x != 'y' ORDER BY created DESC"#;
        let expected = Jql {
            clauses: vec![
                clause("project", Operator::In, &["SEC"]),
                clause("labels", Operator::In, &["a b", "c"]),
                clause("created", Operator::AtLeast, &["5"]),
                clause("x", Operator::NotIn, &["y"]),
            ],
            descending: true,
        };
        assert_eq!(Jql::read(text), Some(expected));
    }

    #[test]
    fn what_stands_in_quotes_is_a_value_whatever_it_says() {
        let jql =
            Jql::read(r#"labels = "x\" AND project = \"SEC ORDER BY \\" ORDER BY id"#).unwrap();
        let value = r#"x" AND project = "SEC ORDER BY \"#;
        assert_eq!(jql.clauses, [clause("labels", Operator::In, &[value])]);
        assert!(!jql.descending);
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for text in ["labels = \"open", "labels", "a = b OR c = d", "a = b c = d", "a ~ b", "= b"] {
            assert_eq!(Jql::read(text), None, "{text}");
        }
        assert_eq!(Jql::read(" ").unwrap().clauses, []);
    }

    #[test]
    fn no_value_is_not_unequal() {
        let text = |v: &[&str]| v.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        let unequal = clause("resolution", Operator::NotIn, &["Done"]);
        assert!(unequal.holds(&text(&["Won't Do"])));
        assert!(!unequal.holds(&text(&["Done"])) && !unequal.holds(&[]));
    }
}
