//! The built-in templates that a lab may use without declaring them. Names are documented
//! (soap:§3.10), ids are assumed. A lab's template of the same name replaces one.

use super::contents::{FieldKind, NewField, NewTemplate};

type Fields = &'static [(&'static str, FieldKind)];

const ACCOUNT_ON_MACHINE: Fields = &[
    ("Machine", FieldKind::Text),
    ("Username", FieldKind::Text),
    ("Password", FieldKind::Password),
    ("Notes", FieldKind::Notes),
];

const SSH_KEY_ROTATION: Fields = &[
    ("Machine", FieldKind::Text),
    ("Username", FieldKind::Text),
    ("Password", FieldKind::Password),
    ("Private Key", FieldKind::File),
    ("Private Key Passphrase", FieldKind::Password),
    ("Public Key", FieldKind::File),
    ("Notes", FieldKind::Notes),
];

const SSH_KEY_ROTATION_NO_PASSWORD: Fields = &[
    ("Machine", FieldKind::Text),
    ("Username", FieldKind::Text),
    ("Private Key", FieldKind::File),
    ("Private Key Passphrase", FieldKind::Password),
    ("Public Key", FieldKind::File),
    ("Notes", FieldKind::Notes),
];

const ACCOUNT_ON_DATABASE: Fields = &[
    ("Server", FieldKind::Text),
    ("Username", FieldKind::Text),
    ("Password", FieldKind::Password),
    ("Notes", FieldKind::Notes),
];

/// Fields of Windows-type and Active Directory templates are documented, all others assumed.
const TEMPLATES: &[(i32, &str, Fields)] = &[
    (
        2,
        "Password",
        &[
            ("Resource", FieldKind::Text),
            ("Username", FieldKind::Text),
            ("Password", FieldKind::Password),
            ("Notes", FieldKind::Notes),
        ],
    ),
    (
        9,
        "Web Password",
        &[
            ("URL", FieldKind::Url),
            ("Username", FieldKind::Text),
            ("Password", FieldKind::Password),
            ("Notes", FieldKind::Notes),
        ],
    ),
    (
        6001,
        "Active Directory Account",
        &[
            ("Domain", FieldKind::Text),
            ("Username", FieldKind::Text),
            ("Password", FieldKind::Password),
            ("Notes", FieldKind::Notes),
        ],
    ),
    (6002, "SQL Server Account", ACCOUNT_ON_DATABASE),
    (6003, "Windows Account", ACCOUNT_ON_MACHINE),
    (6007, "Unix Account (SSH)", ACCOUNT_ON_MACHINE),
    (6009, "Unix Root Account (SSH)", ACCOUNT_ON_MACHINE),
    (6010, "Cisco Account (SSH)", ACCOUNT_ON_MACHINE),
    (6026, "Unix Account (SSH Key Rotation)", SSH_KEY_ROTATION),
    (
        6027,
        "Unix Account (Privileged Account SSH Key Rotation)",
        SSH_KEY_ROTATION,
    ),
    (
        6028,
        "Unix Account (SSH Key Rotation - No Password)",
        SSH_KEY_ROTATION_NO_PASSWORD,
    ),
    (
        6029,
        "Unix Account (Privileged Account SSH Key Rotation - No Password)",
        SSH_KEY_ROTATION_NO_PASSWORD,
    ),
    (
        6025,
        "SSH Key",
        &[
            ("Private Key", FieldKind::File),
            ("Private Key Passphrase", FieldKind::Password),
            ("Public Key", FieldKind::File),
            ("Notes", FieldKind::Notes),
        ],
    ),
    (6004, "Oracle Account", ACCOUNT_ON_DATABASE),
    (6005, "MySql Account", ACCOUNT_ON_DATABASE),
    (
        6014,
        "VMware ESX/ESXi",
        &[
            ("Host", FieldKind::Text),
            ("Username", FieldKind::Text),
            ("Password", FieldKind::Password),
            ("Notes", FieldKind::Notes),
        ],
    ),
    (
        3,
        "Pin",
        &[("Pin", FieldKind::Password), ("Notes", FieldKind::Notes)],
    ),
    (
        4,
        "Contact",
        &[
            ("First Name", FieldKind::Text),
            ("Last Name", FieldKind::Text),
            ("Email", FieldKind::Text),
            ("Phone", FieldKind::Text),
            ("Notes", FieldKind::Notes),
        ],
    ),
    (
        5,
        "Credit Card",
        &[
            ("Card Number", FieldKind::Password),
            ("Full Name", FieldKind::Text),
            ("Expiration Date", FieldKind::Text),
            ("Notes", FieldKind::Notes),
        ],
    ),
];

/// The built-in templates. Text and URL fields are exposed for display (assumed).
pub(super) fn templates() -> impl Iterator<Item = NewTemplate> {
    TEMPLATES.iter().map(|&(id, name, fields)| {
        let fields = fields.iter().map(|&(name, kind)| NewField {
            name: name.into(),
            display_name: None,
            kind,
            exposed: matches!(kind, FieldKind::Text | FieldKind::Url),
        });
        NewTemplate {
            id: Some(id),
            name: name.into(),
            fields: fields.collect(),
        }
    })
}
