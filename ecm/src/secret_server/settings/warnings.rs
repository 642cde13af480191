//! Values that are taken and that cannot do what was probably meant.

use url::Url;

use super::{SettingsFile, is_blank, is_cloud};

/// Each by its key. None repeats a value.
pub(super) fn warnings(settings: &SettingsFile) -> Vec<(&'static str, &'static str)> {
    let mut warnings = Vec::new();
    let mut warn_if = |doubtful: bool, key, why| {
        if doubtful {
            warnings.push((key, why));
        }
    };
    // What is no address is refused, not doubted.
    if let Ok(url) = Url::parse(settings.endpoint_url.trim()) {
        let path = url.path().to_ascii_lowercase();
        warn_if(
            is_cloud(&url) && path.starts_with("/secretserver/"),
            "endpoint_url",
            "a tenant of Secret Server Cloud has no /SecretServer in its address; write \
             https://<tenant>.secretservercloud.com/webservices/SSWebService.asmx",
        );
        warn_if(
            path.ends_with(".asmx") && !path.ends_with("/webservices/sswebservice.asmx"),
            "endpoint_url",
            "does not end in /webservices/SSWebService.asmx, where Secret Server has its web service",
        );
    }
    warn_if(
        settings
            .include_domain_credentials_for
            .iter()
            .any(|entry| entry.contains(',')),
        "include_domain_credentials_for",
        "a member with a comma counts as several domains; write each in quotes of its own",
    );
    let default_domain = settings.default_domain.as_deref().unwrap_or_default();
    warn_if(
        default_domain.contains(['\\', '@']),
        "default_domain_for_local_users",
        "holds a backslash or an at sign, which no domain does; write the domain alone, such as ACME",
    );
    warn_if(
        settings.include_default_organization && is_blank(settings.api_organization.as_deref()),
        "include_default_organization",
        "has no effect without api_organization; set that, or leave this out",
    );
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(change: impl FnOnce(&mut SettingsFile)) -> Vec<&'static str> {
        let address = "https://vault.acme.example/SecretServer/webservices/SSWebService.asmx";
        let mut settings = SettingsFile::new(address, "svc", "env:X");
        change(&mut settings);
        warnings(&settings)
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn an_address_is_doubted_by_its_path() {
        for (address, expected) in [
            (
                "https://vault.acme.example/SECRETSERVER/WebServices/ssWebService.ASMX",
                0,
            ),
            (
                "https://vault.acme.example/webservices/SSWebService.asmx?wsdl",
                0,
            ),
            (
                "https://acme.secretservercloud.com/webservices/SSWebService.asmx",
                0,
            ),
            (
                "https://acme.secretservercloud.eu/SecretServer/webservices/SSWebService.asmx",
                1,
            ),
            (
                "https://acme.secretservercloud.com/secretserver/SSWebService.asmx",
                2,
            ),
            (
                "https://vault.acme.example/SecretServer/SSWebService.asmx",
                1,
            ),
            ("https://vault.acme.example/webservices/Other.asmx", 1),
            ("https://vault.acme.example/", 0),
            ("vault", 0),
        ] {
            let keys = warned(|settings| settings.endpoint_url = address.into());
            assert_eq!(keys, vec!["endpoint_url"; expected], "{address}");
        }
    }

    #[test]
    fn other_values_are_doubted_by_themselves_or_by_what_they_need() {
        assert!(warned(|_| {}).is_empty());
        for domain in ["ACME\\", "ACME\\joe", "@acme.example"] {
            let keys = warned(|settings| settings.default_domain = Some(domain.into()));
            assert_eq!(keys, ["default_domain_for_local_users"], "{domain}");
        }
        let keys = warned(|settings| {
            settings.include_domain_credentials_for = vec!["a".into(), "b,c".into()];
        });
        assert_eq!(keys, ["include_domain_credentials_for"]);
        let keys = warned(|settings| settings.include_default_organization = true);
        assert_eq!(keys, ["include_default_organization"]);
        let keys = warned(|settings| {
            settings.include_default_organization = true;
            settings.api_organization = Some("acme".into());
        });
        assert!(keys.is_empty());
    }
}
