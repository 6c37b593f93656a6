//! Who may create the ticket of a key.

/// What a product says to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// It knows no claims.
    NotOffered,
    /// The key is the caller's.
    Ours,
    /// Another has it, and creates the ticket or has created it.
    Theirs {
        /// Who, as it called itself.
        owner: String,
    },
}
