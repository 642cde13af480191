//! Role permissions: what a user may do apart from folders and secrets.

/// A permission of a role, of those that the operations here ask for. The names are the vendor's
/// (documented soap:§3.3, soap:§3.7; the last four assumed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RolePermission {
    /// Ask users for delegated trust and act as them.
    WebServicesImpersonate,
    /// Check in what somebody else holds.
    ForceCheckIn,
    /// Own everything while unlimited administration mode is on.
    UnlimitedAdministrator,
    /// Look users up.
    ViewUsers,
    /// Read the audit of a secret.
    ViewSecretAudit,
    /// Write rows into the audit of a secret.
    AddSecretCustomAudit,
}

impl RolePermission {
    const ALL: [Self; 6] = [
        Self::WebServicesImpersonate,
        Self::ForceCheckIn,
        Self::UnlimitedAdministrator,
        Self::ViewUsers,
        Self::ViewSecretAudit,
        Self::AddSecretCustomAudit,
    ];

    /// The vendor's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebServicesImpersonate => "Web Services Impersonate",
            Self::ForceCheckIn => "Force Check In",
            Self::UnlimitedAdministrator => "Unlimited Administrator",
            Self::ViewUsers => "View Users",
            Self::ViewSecretAudit => "View Secret Audit",
            Self::AddSecretCustomAudit => "Add Secret Custom Audit",
        }
    }

    /// The permission of that name, in any case. Documents also list the first one as
    /// `Impersonate` (documented soap:§3.3).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name.eq_ignore_ascii_case("Impersonate") {
            Self::WebServicesImpersonate.name()
        } else {
            name
        };
        Self::ALL
            .into_iter()
            .find(|permission| permission.name().eq_ignore_ascii_case(name))
    }

    /// Every name, for messages that list the choices.
    #[must_use]
    pub fn names() -> [&'static str; 6] {
        Self::ALL.map(Self::name)
    }

    pub(super) const BUILT_IN_ROLES: [&'static str; 2] = ["Administrator", "User"];

    /// What a built-in role permits. `Administrator` lacks Web Services Impersonate (documented
    /// soap:§3.3); that `User` reads the audit is assumed.
    pub(super) fn of_built_in(role: &str) -> Vec<Self> {
        if role == "User" {
            return vec![Self::ViewSecretAudit];
        }
        Self::ALL
            .into_iter()
            .filter(|&one| one != Self::WebServicesImpersonate)
            .collect()
    }
}
