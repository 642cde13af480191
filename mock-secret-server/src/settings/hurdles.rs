//! What stands between a caller and the values of a secret, and in which order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A hurdle (documented soap:§3.5, soap:§3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hurdle {
    /// An approved request for access.
    Approval,
    /// A password change that runs.
    PasswordChange,
    /// Somebody else's check-out.
    CheckOut,
    /// The DoubleLock password.
    DoubleLock,
    /// A comment.
    Comment,
    /// A ticket's number.
    Ticket,
}

impl Hurdle {
    const ALL: [Self; 6] = [
        Self::Approval,
        Self::PasswordChange,
        Self::CheckOut,
        Self::DoubleLock,
        Self::Comment,
        Self::Ticket,
    ];
}

/// Every hurdle once, the one that is met first in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Hurdle>", into = "Vec<Hurdle>")]
#[schemars(with = "Vec<Hurdle>")]
pub struct HurdleOrder([Hurdle; 6]);

impl HurdleOrder {
    /// The hurdles, in order.
    pub fn iter(self) -> impl Iterator<Item = Hurdle> {
        self.0.into_iter()
    }
}

impl Default for HurdleOrder {
    fn default() -> Self {
        Self(Hurdle::ALL)
    }
}

impl From<HurdleOrder> for Vec<Hurdle> {
    fn from(order: HurdleOrder) -> Self {
        order.0.to_vec()
    }
}

impl TryFrom<Vec<Hurdle>> for HurdleOrder {
    type Error = &'static str;

    /// Those that are not named keep their order behind the others.
    fn try_from(mut named: Vec<Hurdle>) -> Result<Self, Self::Error> {
        let rest = Hurdle::ALL.into_iter().filter(|one| !named.contains(one));
        let rest: Vec<_> = rest.collect();
        named.extend(rest);
        <[Hurdle; 6]>::try_from(named)
            .map(Self)
            .map_err(|_| "a hurdle stands there twice; name each once")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_order_may_name_some_and_none_twice() {
        let order = HurdleOrder::try_from(vec![Hurdle::Ticket, Hurdle::DoubleLock]).unwrap();
        let all: Vec<_> = order.iter().collect();
        assert_eq!(
            all[..3],
            [Hurdle::Ticket, Hurdle::DoubleLock, Hurdle::Approval]
        );
        assert_eq!(all.len(), 6);
        let twice = HurdleOrder::try_from(vec![Hurdle::Comment, Hurdle::Comment]);
        assert!(twice.unwrap_err().contains("twice"));
    }
}
