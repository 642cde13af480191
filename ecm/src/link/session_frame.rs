//! The member `session` of a request, which is also the form in which the outbox keeps the
//! session that a check-in belongs to.

use serde::{Deserialize, Serialize};

use crate::plugin::{JumpItem, JumpItemType, Product, Session, User};

/// One session as the link writes it. Absent members and `null` mean the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SessionFrame {
    pub session_id: String,
    pub product: ProductName,
    pub user: UserFrame,
    pub jump_item: JumpItemFrame,
}

/// The product behind the appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ProductName {
    Pra,
    Rs,
}

/// The console user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UserFrame {
    pub username: String,
    pub distinguished_name: Option<String>,
    pub display_name: Option<String>,
    pub provider_type: Option<String>,
}

/// The Jump Item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct JumpItemFrame {
    #[serde(rename = "type", with = "jump_item_type")]
    pub item_type: JumpItemType,
    pub name: String,
    pub hostname: Option<String>,
    pub port: Option<u16>,
    pub url: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub additional_ips: Vec<String>,
    pub application_name: Option<String>,
    pub jump_group: Option<String>,
    pub tag: Option<String>,
}

/// Reads a [`SessionFrame`] that has no other members than it may have.
#[derive(Deserialize)]
#[serde(remote = "SessionFrame", deny_unknown_fields)]
pub(super) struct Strict {
    session_id: String,
    product: ProductName,
    #[serde(with = "StrictUser")]
    user: UserFrame,
    #[serde(with = "StrictJumpItem")]
    jump_item: JumpItemFrame,
}

#[derive(Deserialize)]
#[serde(remote = "UserFrame", deny_unknown_fields)]
struct StrictUser {
    username: String,
    distinguished_name: Option<String>,
    display_name: Option<String>,
    provider_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(remote = "JumpItemFrame", deny_unknown_fields)]
struct StrictJumpItem {
    #[serde(rename = "type", with = "jump_item_type")]
    item_type: JumpItemType,
    name: String,
    hostname: Option<String>,
    port: Option<u16>,
    url: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    additional_ips: Vec<String>,
    application_name: Option<String>,
    jump_group: Option<String>,
    tag: Option<String>,
}

impl From<SessionFrame> for Session {
    fn from(frame: SessionFrame) -> Self {
        let (user, item) = (frame.user, frame.jump_item);
        Self {
            session_id: frame.session_id,
            product: match frame.product {
                ProductName::Pra => Product::Pra,
                ProductName::Rs => Product::Rs,
            },
            user: User {
                username: user.username,
                distinguished_name: user.distinguished_name,
                display_name: user.display_name,
                provider_type: user.provider_type,
            },
            jump_item: JumpItem {
                item_type: item.item_type,
                name: item.name,
                hostname: item.hostname,
                url: item.url,
                additional_ips: item.additional_ips,
                application_name: item.application_name,
                port: item.port,
                jump_group: item.jump_group,
                tag: item.tag,
            },
        }
    }
}

/// The names of [`JumpItemType`] on the wire.
mod jump_item_type {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::JumpItemType;

    pub(super) fn serialize<S: Serializer>(kind: &JumpItemType, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<JumpItemType, D::Error> {
        let name = String::deserialize(from)?;
        JumpItemType::from_name(&name).ok_or_else(|| D::Error::custom("unknown type of Jump Item"))
    }
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
