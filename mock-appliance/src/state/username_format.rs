//! In which form a Web Jump types a user name (documented sra:§6).

/// The setting "Username Format" of a Web Jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsernameFormat {
    /// As the vault has it.
    #[default]
    Default,
    /// Without any domain.
    UsernameOnly,
    /// `user@domain`.
    ForceUpnFormat,
    /// `DOMAIN\user`.
    ForceDllnFormat,
}

super::directory::named!(UsernameFormat {
    Default = "default",
    UsernameOnly = "username_only",
    ForceUpnFormat = "force_upn_format",
    ForceDllnFormat = "force_dlln_format",
});

impl UsernameFormat {
    /// What is typed for a user of a domain. A form that needs a domain falls back to the name as
    /// it is when there is none (assumed ecm:§7.3).
    #[must_use]
    pub fn typed(self, username: &str, domain: Option<&str>) -> String {
        let (bare, own_domain) = split(username);
        let domain = own_domain.or(domain.filter(|domain| !domain.is_empty()));
        match (self, domain) {
            (Self::UsernameOnly, _) => bare.to_owned(),
            (Self::ForceUpnFormat, Some(domain)) => format!("{bare}@{domain}"),
            (Self::ForceDllnFormat, Some(domain)) => format!("{domain}\\{bare}"),
            (Self::Default | Self::ForceUpnFormat | Self::ForceDllnFormat, _) => {
                username.to_owned()
            }
        }
    }
}

/// The bare name, and the domain that stands with it.
fn split(username: &str) -> (&str, Option<&str>) {
    if let Some((domain, bare)) = username.split_once('\\') {
        return (bare, Some(domain));
    }
    match username.rsplit_once('@') {
        Some((bare, domain)) => (bare, Some(domain)),
        None => (username, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_typed_in_the_form_that_the_item_wants() {
        use UsernameFormat::{Default, ForceDllnFormat, ForceUpnFormat, UsernameOnly};
        let cases = [
            (Default, "svc", Some("ACME"), "svc"),
            (Default, r"ACME\svc", None, r"ACME\svc"),
            (UsernameOnly, r"ACME\svc", Some("ACME"), "svc"),
            (UsernameOnly, "svc@acme.example", None, "svc"),
            (
                ForceUpnFormat,
                "svc",
                Some("acme.example"),
                "svc@acme.example",
            ),
            (
                ForceUpnFormat,
                "svc@lab.example",
                Some("acme.example"),
                "svc@lab.example",
            ),
            (ForceUpnFormat, "svc", None, "svc"),
            (ForceUpnFormat, "svc", Some(""), "svc"),
            (ForceDllnFormat, "svc", Some("ACME"), r"ACME\svc"),
            (
                ForceDllnFormat,
                "svc@acme.example",
                None,
                r"acme.example\svc",
            ),
        ];
        for (format, username, domain, expected) in cases {
            assert_eq!(
                format.typed(username, domain),
                expected,
                "{format:?} {username}"
            );
        }
    }
}
