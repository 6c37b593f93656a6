//! Medians.

/// The middle of some figures, the lower of two.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = figures.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all[(all.len() - 1) / 2]
}

/// The middle of a ratio, pair by pair.
pub(crate) fn ratio<T>(pairs: &[(T, T)], figure: impl Fn(&T) -> f64) -> f64 {
    median(pairs.iter().map(|(a, b)| figure(a) / figure(b)))
}
