use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::budget::Budget;
use super::{Admitted, BlockRequest, Facts, GuardConfig, Lease, NeverBlock, Refusal};
use crate::{Attribution, ConnectorName, Timestamp};

/// What stands between a request and one connector.
///
/// The rules, in the order in which they are asked, are [`Guard::RULES`]; the first that does not
/// hold is the refusal. The first rule, a canonical target, holds for every
/// [`Target`](super::Target) by its type.
///
/// The count of the hour is this process's own: it begins anew with it.
#[derive(Debug)]
pub struct Guard {
    connector: ConnectorName,
    config: GuardConfig,
    budget: Arc<Budget>,
    frozen: AtomicBool,
}

impl Guard {
    /// The rules by name, in their order.
    pub const RULES: &[&str] = &[
        "canonical-target",
        "claimed-client",
        "never-block.built-in",
        "never-block.own-address",
        "never-block.resolver",
        "never-block.gateway",
        "never-block.management",
        "never-block.configured",
        "never-block.trusted-proxy",
        "prefix-floor",
        "lease",
        "blocks-per-hour",
        "capacity-share",
        "frozen",
    ];

    /// The guard of a connector.
    pub fn new(connector: ConnectorName, config: GuardConfig) -> Self {
        Self { connector, config, budget: Arc::default(), frozen: AtomicBool::new(false) }
    }

    /// The connector it stands before.
    pub fn connector(&self) -> &ConnectorName {
        &self.connector
    }

    /// Refuses every block from now on. Releases go on.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Release);
    }

    /// Admits blocks again.
    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::Release);
    }

    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    /// Admits a new block, or says which rule refuses it.
    ///
    /// What is admitted holds a place in the hour's budget and on the device, so that a plan
    /// promises no more than there is; the place is given back when it is dropped unused and
    /// charged when a backend takes it ([`Admitted::for_connector`]).
    pub fn admit(
        &self,
        request: BlockRequest,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Admitted, Refusal> {
        self.examine(&request, facts)?;
        let permit = self.budget.reserve(now, |hour, open| self.fits(hour, open, facts))?;
        self.moving()?;
        Ok(Admitted::new(request, self.connector.clone(), Some(permit)))
    }

    /// Admits a longer lease for what the device holds already: the same rules, but no new place.
    pub fn renew(&self, request: BlockRequest, facts: &Facts) -> Result<Admitted, Refusal> {
        self.examine(&request, facts)?;
        self.moving()?;
        Ok(Admitted::new(request, self.connector.clone(), None))
    }

    /// Asks every rule again about what was admitted before: the last word before it is applied.
    ///
    /// The place that it holds is counted once, not twice.
    pub fn readmit(
        &self,
        admitted: &Admitted,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if *admitted.connector() != self.connector {
            let why = format!("admitted for {}", admitted.connector());
            return Err(Refusal::new("other-connector", why));
        }
        self.examine(admitted.request(), facts)?;
        if !admitted.is_renewal() {
            self.budget.recheck(now, |hour, open| self.fits(hour, open, facts))?;
        }
        self.moving()
    }

    /// The rules that look at the request alone.
    fn examine(&self, request: &BlockRequest, facts: &Facts) -> Result<(), Refusal> {
        let target = &request.target;
        if request.attribution == Attribution::Claimed {
            let why = "nobody vouches for the address; whoever claims it would choose the target";
            return Err(Refusal::new("claimed-client", why));
        }
        NeverBlock::of(&self.config, facts).check(target)?;
        let floor = self.config.floor(target);
        if target.prefix_len() < floor {
            let why = format!("{target} is wider than /{floor}");
            return Err(Refusal::new("prefix-floor", why));
        }
        self.lease(request.lease)
    }

    fn lease(&self, lease: Lease) -> Result<(), Refusal> {
        let why = match lease {
            Lease::For(ttl) if ttl.is_zero() => "the lease is of no length".to_owned(),
            Lease::For(ttl) if ttl > self.config.max_ttl => {
                let max = self.config.max_ttl.as_secs();
                format!("{} s is longer than max_ttl, {max} s", ttl.as_secs())
            }
            Lease::Permanent if !self.config.allow_permanent => {
                "a permanent block needs allow_permanent in the configuration".to_owned()
            }
            Lease::For(_) | Lease::Permanent => return Ok(()),
        };
        Err(Refusal::new("lease", why))
    }

    /// Whether there is room for `hour` blocks in this hour, `open` of them not on the device yet.
    fn fits(&self, hour: usize, open: usize, facts: &Facts) -> Result<(), Refusal> {
        let limit = self.config.blocks_per_hour;
        if hour > limit {
            let why = format!("{limit} blocks within one hour are done or planned");
            return Err(Refusal::new("blocks-per-hour", why));
        }
        let Some(capacity) = facts.device.capacity else { return Ok(()) };
        let share = (capacity as f64 * self.config.capacity_share) as usize;
        let held = facts.device.held;
        if held.saturating_add(open) > share {
            let why = format!("{held} of {share} entries that may be used ({capacity}) are held");
            return Err(Refusal::new("capacity-share", why));
        }
        Ok(())
    }

    fn moving(&self) -> Result<(), Refusal> {
        if self.is_frozen() {
            return Err(Refusal::new("frozen", "blocking is frozen; releases go on"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Device;
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn guard(config: GuardConfig) -> Guard {
        Guard::new("edge".into(), config)
    }

    fn request(target: &str) -> BlockRequest {
        let target = target.parse().unwrap();
        BlockRequest::new(target, Attribution::Peer, Lease::For(HOUR), "why", "soc")
    }

    fn rule(guard: &Guard, request: BlockRequest, facts: &Facts) -> &'static str {
        guard.admit(request, facts, Timestamp::EPOCH).expect_err("a refusal").rule
    }

    fn facts() -> Facts {
        Facts {
            own: vec!["203.0.113.1".parse().unwrap()],
            resolvers: vec!["203.0.113.53".parse().unwrap()],
            gateways: vec!["203.0.113.254".parse().unwrap()],
            management: vec!["2001:db8::1".parse().unwrap()],
            device: Device::default(),
        }
    }

    #[test]
    fn t31_every_protected_address_is_refused_by_its_rule() {
        let guard = guard(GuardConfig {
            networks: vec!["198.51.100.0/24".parse().unwrap()],
            trusted_proxies: vec!["192.0.2.0/28".parse().unwrap()],
            ..GuardConfig::new()
        });
        for (target, expected) in [
            ("10.0.0.1", "never-block.built-in"),
            ("203.0.113.1", "never-block.own-address"),
            ("203.0.113.53", "never-block.resolver"),
            ("203.0.113.254", "never-block.gateway"),
            ("2001:db8::/64", "never-block.management"),
            ("198.51.100.7", "never-block.configured"),
            ("192.0.2.0/24", "never-block.trusted-proxy"),
        ] {
            let refusal = guard.admit(request(target), &facts(), Timestamp::EPOCH).unwrap_err();
            assert_eq!(refusal.rule, expected, "{target}");
            assert!(Guard::RULES.contains(&refusal.rule));
            assert!(refusal.to_string().contains(&refusal.by.unwrap().to_string()));
        }
        assert!(guard.admit(request("203.0.113.7"), &facts(), Timestamp::EPOCH).is_ok());
    }

    #[test]
    fn t33_a_claimed_address_is_never_admitted() {
        let guard = guard(GuardConfig::new());
        let mut claimed = request("203.0.113.7");
        claimed.attribution = Attribution::Claimed;
        assert_eq!(rule(&guard, claimed.clone(), &Facts::new()), "claimed-client");
        assert_eq!(guard.renew(claimed, &Facts::new()).unwrap_err().rule, "claimed-client");
    }

    #[test]
    fn the_floor_holds_whatever_is_configured() {
        let guard = guard(GuardConfig { min_prefix_v4: 0, min_prefix_v6: 0, ..GuardConfig::new() });
        let none = Facts::new();
        assert!(guard.admit(request("198.51.0.0/16"), &none, Timestamp::EPOCH).is_ok());
        assert_eq!(rule(&guard, request("198.50.0.0/15"), &none), "prefix-floor");
        assert_eq!(rule(&guard, request("8.0.0.0/7"), &none), "prefix-floor");
        assert_eq!(rule(&guard, request("2600::/31"), &none), "prefix-floor");
        let strict = self::guard(GuardConfig::new());
        assert_eq!(rule(&strict, request("203.0.112.0/23"), &none), "prefix-floor");
        assert_eq!(rule(&strict, request("2001:db8::/47"), &none), "prefix-floor");
    }

    #[test]
    fn t23_a_lease_ends_and_not_too_late() {
        let none = Facts::new();
        let with = |lease| BlockRequest { lease, ..request("203.0.113.7") };
        let guard = guard(GuardConfig::new());
        assert_eq!(rule(&guard, with(Lease::Permanent), &none), "lease");
        assert_eq!(rule(&guard, with(Lease::For(Duration::ZERO)), &none), "lease");
        assert_eq!(rule(&guard, with(Lease::For(24 * HOUR + HOUR)), &none), "lease");
        assert!(guard.admit(with(Lease::For(24 * HOUR)), &none, Timestamp::EPOCH).is_ok());
        let lax = self::guard(GuardConfig { allow_permanent: true, ..GuardConfig::new() });
        assert!(lax.admit(with(Lease::Permanent), &none, Timestamp::EPOCH).is_ok());
    }

    #[test]
    fn the_order_of_refusals_is_fixed() {
        let guard = guard(GuardConfig { blocks_per_hour: 0, ..GuardConfig::new() });
        guard.freeze();
        let full = Facts::new().on(Device { held: 9, capacity: Some(10) });
        let mut worst = request("10.0.0.0/8");
        worst.attribution = Attribution::Claimed;
        worst.lease = Lease::Permanent;
        assert_eq!(rule(&guard, worst.clone(), &full), "claimed-client");
        worst.attribution = Attribution::Peer;
        assert_eq!(rule(&guard, worst.clone(), &full), "never-block.built-in");
        worst.target = "203.0.0.0/17".parse().unwrap();
        assert_eq!(rule(&guard, worst.clone(), &full), "prefix-floor");
        worst.target = "203.0.113.7".parse().unwrap();
        assert_eq!(rule(&guard, worst.clone(), &full), "lease");
        worst.lease = Lease::For(HOUR);
        assert_eq!(rule(&guard, worst.clone(), &full), "blocks-per-hour");
        let guard = self::guard(GuardConfig::new());
        guard.freeze();
        assert_eq!(rule(&guard, worst.clone(), &full), "capacity-share");
        assert_eq!(rule(&guard, worst.clone(), &Facts::new()), "frozen");
        guard.thaw();
        assert!(guard.admit(worst, &Facts::new(), Timestamp::EPOCH).is_ok());
    }

    #[test]
    fn the_hour_is_charged_once_and_moves_on() {
        let guard = guard(GuardConfig { blocks_per_hour: 2, ..GuardConfig::new() });
        let (none, edge) = (Facts::new(), ConnectorName::new("edge"));
        let ask = |target, now| guard.admit(request(target), &none, now);
        let start = Timestamp::EPOCH;

        let first = ask("203.0.113.1", start).unwrap();
        let second = ask("203.0.113.2", start).unwrap();
        assert_eq!(ask("203.0.113.3", start).unwrap_err().rule, "blocks-per-hour");

        assert_eq!(guard.readmit(&first, &none, start), Ok(()));
        assert!(first.for_connector(&edge).is_ok() && first.for_connector(&edge).is_ok());
        drop((first, second));
        let third = ask("203.0.113.3", start).expect("the unused place was given back");
        assert!(ask("203.0.113.4", start).is_err(), "one is spent, one is held");
        assert!(third.for_connector(&edge).is_ok());
        drop(third);

        assert!(ask("203.0.113.4", start.saturating_add(HOUR / 2)).is_err());
        assert!(ask("203.0.113.4", start.saturating_add(HOUR)).is_ok());
        assert!(guard.renew(request("203.0.113.1"), &none).is_ok(), "a renewal takes no place");
    }

    #[test]
    fn the_share_of_the_device_counts_what_is_planned() {
        let guard = guard(GuardConfig::new());
        let facts = Facts::new().on(Device { held: 6, capacity: Some(10) });
        let ask = |target| guard.admit(request(target), &facts, Timestamp::EPOCH);
        let seventh = ask("203.0.113.1").unwrap();
        let eighth = ask("203.0.113.2").unwrap();
        assert_eq!(ask("203.0.113.3").unwrap_err().rule, "capacity-share");
        let fuller = facts.on(Device { held: 7, capacity: Some(10) });
        let refusal = guard.readmit(&seventh, &fuller, Timestamp::EPOCH).unwrap_err();
        assert_eq!(refusal.rule, "capacity-share");
        drop(seventh);
        assert!(guard.readmit(&eighth, &fuller, Timestamp::EPOCH).is_ok());
    }

    #[test]
    fn admission_is_bound_to_its_connector() {
        let admitted = guard(GuardConfig::new())
            .admit(request("203.0.113.7"), &Facts::new(), Timestamp::EPOCH)
            .unwrap();
        assert_eq!(admitted.for_connector(&"other".into()).unwrap_err().rule, "other-connector");
        let other = Guard::new("other".into(), GuardConfig::new());
        assert!(other.readmit(&admitted, &Facts::new(), Timestamp::EPOCH).is_err());
    }

    #[test]
    fn what_became_protected_after_the_plan_is_refused() {
        let guard = guard(GuardConfig::new());
        let planned = guard.admit(request("203.0.113.1"), &Facts::new(), Timestamp::EPOCH).unwrap();
        let refusal = guard.readmit(&planned, &facts(), Timestamp::EPOCH).unwrap_err();
        assert_eq!(refusal.rule, "never-block.own-address");
    }
}
