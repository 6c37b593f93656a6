//! The way through a workflow: by status and category, never by a name.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::{Move, Required};
use crate::{StatusCategory, TicketPatch};

/// The steps that are known, by the status that they leave.
#[derive(Debug, Default)]
pub(super) struct Workflow {
    steps: HashMap<String, Vec<Move>>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Take this step with these values.
    Take(Move, BTreeMap<String, String>),
    /// The shortest way needs a value for this field.
    Needs(Required),
    /// No way leads there, as far as can be known.
    NoWay,
}

impl Workflow {
    /// Learns what a product told of a ticket in this status: all steps of the workflow if they
    /// say what they leave, else those from here.
    pub(super) fn learn(&mut self, at: &str, moves: Vec<Move>) {
        let mut told: HashMap<String, Vec<Move>> = HashMap::from([(at.to_owned(), Vec::new())]);
        if moves.iter().any(|step| step.from.is_some()) {
            told.extend(moves.iter().map(|step| (step.to.id.clone(), Vec::new())));
        }
        for step in moves {
            let from = step.from.clone().unwrap_or_else(|| at.to_owned());
            told.entry(from).or_default().push(step);
        }
        self.steps.extend(told);
    }

    /// The first step of the shortest way to a status of this category.
    ///
    /// A way for which every value is there goes before a shorter one that lacks one. Where none
    /// is known, the nearest status is tried whose own steps are not known yet: on the way to an
    /// open status never one that ends the ticket, and one that leads away from the target only
    /// where nothing known leads there, so that no ticket is moved back before a value is said to
    /// be missing.
    pub(super) fn next(
        &self,
        at: &str,
        from: StatusCategory,
        to: StatusCategory,
        with: &TicketPatch,
    ) -> Next {
        let ready = |step: &Move| fill(step, with).is_ok();
        let arrived = |step: &Move| step.to.category == to;
        let ends = |step: &Move| step.to.category == StatusCategory::Done && !arrived(step);
        let unknown = |step: &Move| !self.steps.contains_key(&step.to.id) && !ends(step);
        let onwards = |step: &Move| (from.min(to)..=from.max(to)).contains(&step.to.category);
        let way = self
            .way(at, ready, arrived)
            .or_else(|| self.way(at, ready, |step| unknown(step) && onwards(step)))
            .or_else(|| self.way(at, |_| true, arrived))
            .or_else(|| self.way(at, ready, unknown));
        let Some(way) = way else { return Next::NoWay };
        // Nothing is moved before a value is known to be missing further on.
        if let Some(missing) = way.iter().find_map(|step| fill(step, with).err()) {
            return Next::Needs(missing);
        }
        match way.first() {
            Some(step) => Next::Take((*step).clone(), fill(step, with).unwrap_or_default()),
            None => Next::NoWay,
        }
    }

    /// Breadth first, equals in the product's order.
    fn way(
        &self,
        at: &str,
        usable: impl Fn(&Move) -> bool,
        arrived: impl Fn(&Move) -> bool,
    ) -> Option<Vec<&Move>> {
        let mut seen = HashSet::from([at]);
        let mut queue = VecDeque::from([(at, Vec::new())]);
        while let Some((status, way)) = queue.pop_front() {
            for step in self.steps.get(status).into_iter().flatten().filter(|s| usable(s)) {
                let longer: Vec<&Move> = way.iter().copied().chain([step]).collect();
                if arrived(step) {
                    return Some(longer);
                }
                if seen.insert(&step.to.id) {
                    queue.push_back((&step.to.id, longer));
                }
            }
        }
        None
    }
}

/// Values for the fields that a step demands, or the first field without one.
fn fill(step: &Move, with: &TicketPatch) -> Result<BTreeMap<String, String>, Required> {
    let mut values = BTreeMap::new();
    for field in &step.required {
        let given = with.fields.get(&field.field);
        let given = given.or(with.resolution.as_ref().filter(|_| field.resolution));
        let value = match given {
            Some(given) => allowed(field, given),
            None => field.default.clone(),
        };
        values.insert(field.field.clone(), value.ok_or_else(|| field.clone())?);
    }
    Ok(values)
}

/// The value that is meant: by itself or as people see it.
fn allowed(field: &Required, given: &str) -> Option<String> {
    if field.allowed.is_empty() {
        return Some(given.to_owned());
    }
    let by_value = field.allowed.iter().find(|(value, _)| value == given);
    let same = |shown: &str| shown.to_lowercase() == given.to_lowercase();
    let named = by_value.or_else(|| field.allowed.iter().find(|(_, shown)| same(shown)));
    named.map(|(value, _)| value.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::desk::Status;

    const CATEGORIES: [StatusCategory; 3] =
        [StatusCategory::New, StatusCategory::InProgress, StatusCategory::Done];

    /// Statuses by category, and steps between them; the flag says that a step demands a field.
    #[derive(Clone, Debug)]
    struct Graph {
        categories: Vec<usize>,
        steps: Vec<(usize, usize, bool)>,
    }

    fn graphs() -> impl Strategy<Value = (Graph, usize, usize)> {
        (2_usize..9).prop_flat_map(|n| {
            let categories = prop::collection::vec(0_usize..3, n);
            let steps = prop::collection::vec((0..n, 0..n, any::<bool>()), 0..24);
            let graph =
                (categories, steps).prop_map(|(categories, steps)| Graph { categories, steps });
            (graph, 0..n, 0_usize..3)
        })
    }

    impl Graph {
        fn moves(&self, from: Option<usize>) -> Vec<Move> {
            let steps = self.steps.iter().enumerate();
            let steps = steps.filter(|(_, s)| from.is_none_or(|f| f == s.0));
            steps
                .map(|(i, (a, b, demands))| {
                    let to = Status::new(b.to_string(), CATEGORIES[self.categories[*b]]);
                    let step = Move::new(i.to_string(), to).leaving(a.to_string());
                    if *demands { step.requires(Required::new("reason")) } else { step }
                })
                .collect()
        }

        /// The oracle: steps of the shortest way, by plain rounds over all statuses.
        fn distance(&self, at: usize, to: usize, demands_too: bool) -> Option<usize> {
            let mut reached = HashSet::from([at]);
            for round in 1..=self.categories.len() {
                let next: HashSet<usize> = self
                    .steps
                    .iter()
                    .filter(|(a, _, demands)| reached.contains(a) && (demands_too || !demands))
                    .map(|(_, b, _)| *b)
                    .collect();
                if next.iter().any(|b| self.categories[*b] == to) {
                    return Some(round);
                }
                reached.extend(next);
            }
            None
        }
    }

    proptest! {
        /// Where the whole workflow is known, the way is as short as the oracle's; a field is
        /// named only where no way does without it.
        #[test]
        fn t18_the_way_is_the_shortest_legal_one((graph, start, to) in graphs(), given: bool) {
            let mut workflow = Workflow::default();
            workflow.learn(&start.to_string(), graph.moves(None));
            let mut with = TicketPatch::new();
            if given {
                with.fields.insert("reason".into(), "x".into());
            }
            let shortest = graph.distance(start, to, given);
            let mut at = start;
            for walked in 0..=graph.categories.len() {
                match workflow.next(&at.to_string(), CATEGORIES[graph.categories[at]], CATEGORIES[to], &with) {
                    Next::Take(step, values) => {
                        let (from, next, demands) = graph.steps[step.id.parse::<usize>().unwrap()];
                        prop_assert_eq!(from, at);
                        prop_assert_eq!(values.len(), usize::from(demands));
                        at = next;
                        if graph.categories[at] == to {
                            prop_assert_eq!(Some(walked + 1), shortest);
                            return Ok(());
                        }
                    }
                    Next::Needs(field) => {
                        prop_assert_eq!(field.field, "reason");
                        prop_assert_eq!(walked, 0, "nothing is moved before");
                        prop_assert!(shortest.is_none() && graph.distance(start, to, true).is_some());
                        return Ok(());
                    }
                    Next::NoWay => {
                        prop_assert_eq!(walked, 0);
                        prop_assert!(graph.distance(start, to, true).is_none());
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "it does not arrive");
        }

        /// Where a product tells only what leaves the present status, every step is one of those,
        /// no ticket is ended on the way to an open status, and it ends.
        #[test]
        fn a_workflow_that_is_told_step_by_step_is_walked_without_harm((graph, start, to) in graphs()) {
            let mut workflow = Workflow::default();
            let (with, mut at) = (TicketPatch::new(), start);
            for _ in 0..=2 * graph.categories.len() * graph.categories.len() {
                let here = graph.moves(Some(at)).into_iter();
                let here = here.map(|step| Move { from: None, ..step }).collect();
                workflow.learn(&at.to_string(), here);
                match workflow.next(&at.to_string(), CATEGORIES[graph.categories[at]], CATEGORIES[to], &with) {
                    Next::Take(step, _) => {
                        let (from, next, demands) = graph.steps[step.id.parse::<usize>().unwrap()];
                        prop_assert!(from == at && !demands);
                        let ends = CATEGORIES[graph.categories[next]] == StatusCategory::Done;
                        let wanted = CATEGORIES[to] == StatusCategory::Done;
                        prop_assert!(!ends || wanted || next == start, "it ends the ticket");
                        at = next;
                        if graph.categories[at] == to {
                            return Ok(());
                        }
                    }
                    _ => return Ok(()),
                }
            }
            prop_assert!(false, "it walks for ever");
        }
    }

    #[test]
    fn a_value_is_taken_by_itself_or_as_people_see_it_and_else_named() {
        let done = Status::new("9", StatusCategory::Done);
        let field = Required::new("resolution").is_resolution();
        let field = field.allows("10000", "完了").allows("10001", "Duplicate");
        let step = Move::new("31", done).requires(field.clone());
        let mut with = TicketPatch::new();
        assert_eq!(fill(&step, &with), Err(field));
        with.resolution = Some("duplicate".into());
        assert_eq!(fill(&step, &with).unwrap()["resolution"], "10001");
        with.fields.insert("resolution".into(), "10000".into());
        assert_eq!(fill(&step, &with).unwrap()["resolution"], "10000");
        with.fields.insert("resolution".into(), "fixed".into());
        assert!(fill(&step, &with).is_err());
        let step = Move::new("32", step.to).requires(Required::new("reason"));
        assert!(fill(&step, &with).is_err(), "a resolution fills no other field");
    }

    #[test]
    fn no_ticket_is_moved_back_before_a_value_is_named() {
        use StatusCategory::{Done, InProgress, New};
        let back = Move::new("31", Status::new("1", New));
        let end = Move::new("21", Status::new("9", Done)).requires(Required::new("reason"));
        let mut workflow = Workflow::default();
        workflow.learn("3", vec![back.clone(), end]);
        let with = TicketPatch::new();
        assert_eq!(
            workflow.next("3", InProgress, Done, &with),
            Next::Needs(Required::new("reason"))
        );
        let mut workflow = Workflow::default();
        workflow.learn("3", vec![back]);
        let next = workflow.next("3", InProgress, Done, &with);
        assert!(matches!(next, Next::Take(step, _) if step.id == "31"), "the only way there is");
    }
}
