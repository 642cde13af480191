//! The installed rules, their counters and guards.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Call, Installed, Met, RULES_MAX, Rule, RuleError, Verdict, check};

/// The rules of one simulator. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct FaultRules {
    inner: Arc<Mutex<Inner>>,
    /// Whether there are any, without the lock: nearly always there are none.
    any: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Inner {
    slots: Vec<Slot>,
    numbered: u64,
}

#[derive(Debug)]
struct Slot {
    installed: Installed,
    /// Tells this rule from an earlier one of the same name.
    number: u64,
    /// Dropped with the rule: that ends every hold.
    removed: watch::Sender<()>,
}

impl FaultRules {
    /// Installs a rule. Rules are tried in the order of installation and a call meets at most one.
    ///
    /// # Errors
    /// When a number of the rule is out of range, or there are too many rules.
    pub fn add(&self, mut rule: Rule) -> Result<FaultGuard, RuleError> {
        check(&rule)?;
        let mut inner = self.lock();
        inner.numbered += 1;
        let number = inner.numbered;
        let id = rule.id.clone().unwrap_or_else(|| format!("rule-{number}"));
        rule.id = Some(id.clone());
        inner.slots.retain(|slot| slot.installed.id != id);
        if inner.slots.len() >= RULES_MAX {
            return Err(RuleError::TooMany);
        }
        let installed = Installed {
            id: id.clone(),
            rule,
            matched: 0,
            met: 0,
            spent: false,
        };
        inner.slots.push(Slot {
            installed,
            number,
            removed: watch::channel(()).0,
        });
        Ok(FaultGuard {
            rules: self.clone(),
            id,
            number,
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Removes a rule; false when there is none of this name.
    pub fn remove(&self, id: &str) -> bool {
        let mut inner = self.lock();
        let before = inner.slots.len();
        inner.slots.retain(|slot| slot.installed.id != id);
        inner.slots.len() != before
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().slots.clear();
    }

    /// The rules with their counters, in order.
    #[must_use]
    pub fn list(&self) -> Vec<Installed> {
        self.lock()
            .slots
            .iter()
            .map(|slot| slot.installed.clone())
            .collect()
    }

    /// Names of the rules that no call has met.
    #[must_use]
    pub fn never_met(&self) -> Vec<String> {
        let inner = self.lock();
        let unmet = inner.slots.iter().filter(|slot| slot.installed.met == 0);
        unmet.map(|slot| slot.installed.id.clone()).collect()
    }

    /// The rule that this call meets, if any; counts the meeting. For simulators that carry out
    /// every verdict on every call, and rewrite no documents.
    #[must_use]
    pub fn meet(&self, call: &Call<'_>) -> Option<Met> {
        self.meet_where(call, Verdict::is_everybodys)
    }

    /// The rule that this call meets, if any, among those whose verdict can happen to it; counts
    /// the meeting. A rule whose verdict cannot does not count the call as matched either.
    #[must_use]
    pub fn meet_where(
        &self,
        call: &Call<'_>,
        can_happen: impl Fn(&Verdict) -> bool,
    ) -> Option<Met> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.lock();
        for slot in &mut inner.slots {
            let installed = &mut slot.installed;
            if installed.spent
                || !installed.rule.matcher.fits(call)
                || !can_happen(&installed.rule.verdict)
            {
                continue;
            }
            installed.matched = installed.matched.saturating_add(1);
            if installed.matched < installed.rule.matcher.nth.unwrap_or(1) {
                continue;
            }
            installed.met = installed.met.saturating_add(1);
            installed.spent = installed.rule.times != 0 && installed.met >= installed.rule.times;
            return Some(Met {
                rule_id: installed.id.clone(),
                verdict: installed.rule.verdict.clone(),
                removed: slot.removed.subscribe(),
                rules: self.clone(),
                number: slot.number,
            });
        }
        None
    }

    /// Takes one meeting of a rule back: it did nothing.
    pub(super) fn withdraw(&self, number: u64) {
        let mut inner = self.lock();
        if let Some(slot) = inner.slots.iter_mut().find(|slot| slot.number == number) {
            slot.installed.met = slot.installed.met.saturating_sub(1);
            slot.installed.spent = false;
        }
    }

    fn lock(&self) -> Locked<'_> {
        Locked {
            inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner),
            any: &self.any,
        }
    }
}

/// The rules while nobody else changes them; tells at its end whether there are any.
struct Locked<'r> {
    inner: MutexGuard<'r, Inner>,
    any: &'r AtomicBool,
}

impl Deref for Locked<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.any
            .store(!self.inner.slots.is_empty(), Ordering::Release);
    }
}

/// Holds a rule's place for a test: removes it when dropped, and can say whether it was met. A rule
/// that took the name over meanwhile is another's and stays.
#[derive(Debug)]
#[must_use = "the rule goes when the guard is dropped; call keep() to leave it installed"]
pub struct FaultGuard {
    rules: FaultRules,
    id: String,
    number: u64,
}

impl FaultGuard {
    /// Name of the rule.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many calls met the rule so far.
    #[must_use]
    pub fn met(&self) -> u32 {
        let inner = self.rules.lock();
        inner
            .slots
            .iter()
            .find(|slot| slot.number == self.number)
            .map_or(0, |s| s.installed.met)
    }

    /// Asserts that a call met the rule.
    ///
    /// # Panics
    /// When none did.
    #[track_caller]
    pub fn assert_met(&self) {
        assert!(self.met() > 0, "no call met fault rule {}", self.id);
    }

    /// Leaves the rule installed and gives its name.
    #[must_use]
    pub fn keep(mut self) -> String {
        std::mem::take(&mut self.id)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        // An empty name is that of a rule that is to stay.
        if !self.id.is_empty() {
            let mut inner = self.rules.lock();
            inner.slots.retain(|slot| slot.number != self.number);
        }
    }
}
