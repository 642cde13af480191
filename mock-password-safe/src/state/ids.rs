//! Numbers that name things. The wire carries them as 32-bit integers.

/// Declares a newtype over the wire's integer.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(pub(crate) i32);
    )+};
}

ids! {
    /// A person or an application that may sign in.
    UserId,
    /// A user group: carries registrations, permissions and roles.
    GroupId,
    /// An API registration.
    RegistrationId,
    /// A managed system.
    SystemId,
    /// A managed account.
    AccountId,
    /// A smart group of managed accounts, on which roles are given.
    SmartGroupId,
    /// A platform, for example Windows or Linux.
    PlatformId,
    /// A workgroup of assets and systems.
    WorkgroupId,
    /// An application that runs under a managed account.
    ApplicationId,
    /// An access policy.
    PolicyId,
    /// A schedule of an access policy.
    ScheduleId,
    /// A release request.
    RequestId,
    /// A recorded session of Password Safe's own proxy.
    RemoteSessionId,
    /// An alias of a managed account.
    AliasId,
}

impl SmartGroupId {
    /// The built-in smart group that every managed account belongs to.
    pub(crate) const ALL: Self = Self(1);
}
