//! Who may do what: role permissions, and the permissions of folders and secrets.

use super::Vault;
use super::answer::{Permission, SecretPermissions};
use super::contents::Level;
use super::model::{FolderSlot, Grant, SecretRecord, UserSlot};
use super::role::RolePermission;

impl Vault {
    /// Whether one of the user's roles has the permission.
    pub(super) fn permits(&self, user: UserSlot, permission: RolePermission) -> bool {
        self.directory.permits(user, permission)
    }

    /// Whether unlimited administration mode lifts every limit for this user.
    pub(super) fn unlimited(&self, user: UserSlot) -> bool {
        self.settings.unlimited_administration
            && self.permits(user, RolePermission::UnlimitedAdministrator)
    }

    /// What the user may do with a secret; `None` is nothing.
    pub(super) fn level_on(&self, user: UserSlot, secret: &SecretRecord) -> Option<Level> {
        self.highest(user, self.grants_of(secret))
    }

    /// What the user may do with a folder; `None` is nothing.
    pub(super) fn level_on_folder(&self, user: UserSlot, folder: FolderSlot) -> Option<Level> {
        self.highest(user, self.folder_grants(Some(folder)))
    }

    pub(super) fn secret_permissions(
        &self,
        user: UserSlot,
        secret: &SecretRecord,
    ) -> SecretPermissions {
        let level = self.level_on(user, secret);
        SecretPermissions {
            current_user_has_view: level >= Some(Level::View),
            current_user_has_edit: level >= Some(Level::Edit),
            current_user_has_owner: level >= Some(Level::Owner),
            inherit_permissions_enabled: Some(!secret.has_own_grants()),
            is_change_to_permissions: false,
            permissions: self
                .grants_of(secret)
                .iter()
                .map(|&one| self.permission(one))
                .collect(),
        }
    }

    fn permission(&self, grant: Grant) -> Permission {
        let (name, id) = match grant.level {
            Level::View => ("View", 1),
            Level::Edit => ("Edit", 2),
            Level::Owner => ("Owner", 3),
        };
        Permission {
            user_or_group: self.directory.record(grant.to),
            view: true,
            edit: grant.level >= Level::Edit,
            owner: grant.level >= Level::Owner,
            secret_access_role_name: Some(name.into()),
            secret_access_role_id: Some(id),
        }
    }

    fn highest(&self, user: UserSlot, grants: &[Grant]) -> Option<Level> {
        if self.unlimited(user) {
            return Some(Level::Owner);
        }
        let mine = grants
            .iter()
            .filter(|grant| self.directory.is(user, grant.to));
        mine.map(|grant| grant.level).max()
    }

    fn grants_of<'a>(&'a self, secret: &'a SecretRecord) -> &'a [Grant] {
        let own = secret.rare.as_ref().and_then(|rare| rare.grants.as_deref());
        own.unwrap_or_else(|| self.folder_grants(secret.folder))
    }

    /// The permissions of the nearest folder upwards that has its own.
    fn folder_grants(&self, mut folder: Option<FolderSlot>) -> &[Grant] {
        while let Some(slot) = folder {
            let record = &self.folders[slot.0 as usize];
            if let Some(grants) = &record.grants {
                return grants;
            }
            folder = record.parent;
        }
        &[]
    }
}
