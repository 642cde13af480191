//! The symptoms by name. Vendor facts are `documented ecm:§7, §8; soap:§1.7, §3.3, §3.6`; causes that
//! no public text states are reasoned from them.

use super::Explanation;
use crate::error::ErrorKind as Kind;
use crate::error::Owner;

macro_rules! symptoms {
    ($($variant:ident, $name:literal, $kind:ident, $owner:ident,
       says $says:literal, cause $cause:literal, cure $cure:literal;)+) => {
        /// A failure that the ECM recognises.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Symptom {
            $(#[doc = $says] $variant,)+
        }

        impl Symptom {
            /// Every symptom, in the order of the documentation: the way to the vault first.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name used in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What is known about it.
            #[must_use]
            pub fn explanation(self) -> Explanation {
                match self {
                    $(Self::$variant => Explanation {
                        kind: Kind::$kind,
                        says: $says,
                        cause: $cause,
                        cure: $cure,
                        owner: Owner::$owner,
                    },)+
                }
            }
        }
    };
}

symptoms! {
    CloudAddressHasVirtualDirectory, "cloud-address-has-virtual-directory", Configuration, EcmAdministrator,
        says "no web service answers at the Endpoint URL, which has a /SecretServer/ segment \
              that this server lacks",
        cause "Secret Server Cloud and installations at the root of a site have no \
               /SecretServer/ segment",
        cure "set Endpoint URL to the corrected address shown";
    AddressLacksVirtualDirectory, "address-lacks-virtual-directory", Configuration, EcmAdministrator,
        says "no web service answers at the Endpoint URL, which lacks the /SecretServer/ segment \
              of this server",
        cause "on-premises installations usually live in the virtual directory /SecretServer/",
        cure "set Endpoint URL to the corrected address shown";
    WebServiceNotFound, "web-service-not-found", Configuration, EcmAdministrator,
        says "no web service answers at the Endpoint URL",
        cause "the path is misspelt, the virtual directory has another name, or Enable \
               Webservices is off",
        cure "check the path of Endpoint URL and Admin > Configuration > General > Enable \
              Webservices";
    DelineaPlatform, "delinea-platform", Unsupported, EcmAdministrator,
        says "the Endpoint URL belongs to the Delinea Platform",
        cause "the integration works with Secret Server, not with Secret Server on the Delinea \
               Platform",
        cure "use the address of a Secret Server installation or of a secretservercloud.com \
              tenant";
    WebPageInsteadOfSoap, "web-page-instead-of-soap", Configuration, EcmAdministrator,
        says "the Endpoint URL answers with a web page instead of SOAP",
        cause "the address is that of the user interface, of a log-in page or of a proxy, or web \
               services are off",
        cure "check the path of Endpoint URL and Admin > Configuration > General > Enable \
              Webservices";
    Redirected, "redirected", Configuration, EcmAdministrator,
        says "the Endpoint URL redirects to another address, which is not followed",
        cause "the address is old, lacks https, or leads to a log-in page; following it could \
               hand the password to another host",
        cure "set Endpoint URL to the address that finally answers, if you trust it";
    RedirectedToPlainHttp, "redirected-to-plain-http", Tls, VaultAdministrator,
        says "the Endpoint URL redirects from https to plain http, which is not followed",
        cause "a proxy before the vault ends TLS and does not tell the vault, or somebody in between \
               wants to read along",
        cure "let the vault, or the proxy before it, redirect to https addresses only; the ECM never \
              goes from https to http";
    HttpRefused, "http-refused", Permission, VaultAdministrator,
        says "the web server in front of the vault refuses the request",
        cause "IIS authentication, a web application firewall or an address restriction stands \
               before the web service",
        cure "allow anonymous access to /webservices/ from the ECM's address";
    ProxyWantsLogOn, "proxy-wants-log-on", Permission, NetworkAdministrator,
        says "a proxy between the ECM and the vault wants a log-on of its own",
        cause "a transparent proxy or a gateway stands in between, status 407; the ECM itself uses no \
               proxy",
        cure "let the ECM's connections to the vault pass the proxy without a log-on, or lead them \
              around it";
    TooManyRequests, "too-many-requests", Connectivity, VaultAdministrator,
        says "the vault, or a gateway before it, asks for fewer requests",
        cause "a limit on requests was reached, status 429; how long to wait is told where the answer \
               says so",
        cure "wait, then try again; if it repeats, raise the limit for the ECM's address or for the \
              API account";
    VaultUnavailable, "vault-unavailable", Connectivity, VaultAdministrator,
        says "the vault is not available at the moment",
        cause "the application pool is stopped or starting, the vault answers with the page of an \
               error, or a proxy cannot reach it",
        cure "check that the vault runs, then try again";
    NameNotFound, "name-not-found", Connectivity, NetworkAdministrator,
        says "the vault's host name has no address",
        cause "the name is misspelt or the ECM's name server does not know it",
        cure "check the host in Endpoint URL and the name server of the ECM's machine";
    ConnectionRefused, "connection-refused", Connectivity, NetworkAdministrator,
        says "the vault's host refuses the connection",
        cause "nothing listens on that port, or a firewall rejects it",
        cure "check that the vault runs and that its port, usually TCP 443, is open from the ECM to it";
    ConnectionFailed, "connection-failed", Connectivity, NetworkAdministrator,
        says "no connection to the vault can be opened",
        cause "there is no route to the host, or it closes connections at once",
        cure "check the network between the ECM and the vault";
    ConnectTimeout, "connect-timeout", Timeout, NetworkAdministrator,
        says "the vault's host does not answer connection attempts",
        cause "a firewall drops the packets or the host is down",
        cure "check that the vault's port, usually TCP 443, is open from the ECM to it";
    AnswerTimeout, "answer-timeout", Timeout, VaultAdministrator,
        says "the vault accepted the request and did not answer in time",
        cause "the vault is overloaded or waits for something itself",
        cure "check the vault's load, or raise answer_timeout_s";
    ConnectionBroken, "connection-broken", Connectivity, NetworkAdministrator,
        says "the connection broke before the vault's answer was complete",
        cause "the vault restarted, a device in between cut the connection, or Endpoint URL says http \
               where the port speaks TLS",
        cure "try again; if it repeats, write https in Endpoint URL where it says http, or look for a \
              device that inspects the traffic";
    NoPlainHttp, "no-plain-http", Connectivity, EcmAdministrator,
        says "the port does not speak plain HTTP",
        cause "Endpoint URL says http, and the port speaks TLS or belongs to another service",
        cure "write https in Endpoint URL, and check its port";
    CertificateNotTrusted, "certificate-not-trusted", Tls, EcmAdministrator,
        says "the vault's certificate is not trusted",
        cause "it is self-signed, or comes from an authority that this machine does not know or \
                knows with an older key",
        cure "put the issuer's certificate, or the vault's own if it is self-signed, into a PEM file \
              and set ca_file to it";
    CertificateForAnotherHost, "certificate-for-another-host", Tls, EcmAdministrator,
        says "the vault's certificate is for another host",
        cause "Endpoint URL uses a name or address that the certificate does not carry",
        cure "use one of the certificate's names in Endpoint URL, or have it reissued";
    CertificateExpired, "certificate-expired", Tls, VaultAdministrator,
        says "the vault's certificate has expired",
        cause "it was not renewed, or the clock of the ECM's machine is ahead",
        cure "compare the clock of the ECM's machine with one that is right: correct it, or renew the \
              certificate";
    CertificateNotYetValid, "certificate-not-yet-valid", Tls, EcmAdministrator,
        says "the vault's certificate is not valid yet",
        cause "the clock of the ECM's machine is behind, or the certificate was issued for later",
        cure "compare the clock of the ECM's machine with one that is right: correct it, or have the \
              certificate issued anew";
    CertificateNotAcceptable, "certificate-not-acceptable", Tls, VaultAdministrator,
        says "the vault's certificate is not acceptable",
        cause "it was revoked, is malformed or may not be used for servers; the line says which",
        cure "issue a new server certificate for the vault";
    TlsFailed, "tls-failed", Tls, VaultAdministrator,
        says "no TLS connection with the vault can be agreed",
        cause "the vault speaks only versions older than TLS 1.2, or the port does not speak TLS",
        cure "enable TLS 1.2 or 1.3 on the vault and check the port in Endpoint URL";
    AnswerTooLong, "answer-too-long", Unexpected, VaultAdministrator,
        says "the vault's answer is longer than allowed",
        cause "a search matches far too much, or something else than the vault answers",
        cure "narrow the search, or raise answer_bytes_max";
    TooManyAnswers, "too-many-answers", Timeout, VaultAdministrator,
        says "the vault's answers to all look-ups together are more than is held at a time",
        cause "very many long answers come at the same time, or the vault begins answers and does \
               not end them",
        cure "try again; if it repeats, narrow the searches, or raise held_answers_bytes_max";
    AnswerCompressed, "answer-compressed", Unexpected, NetworkAdministrator,
        says "the vault's answer is compressed although nobody asked for it",
        cause "a proxy compresses regardless of Accept-Encoding",
        cure "switch compression off in the proxy for /webservices/";
    AnswerNotUnderstood, "answer-not-understood", Unexpected, Maintainer,
        says "the vault's answer is not the expected SOAP reply",
        cause "the service is of an unknown version, or something else than Secret Server \
               answers, such as a gateway or a proxy; status, media type and its words are shown",
        cure "follow the words shown; ecm test-settings writes every step up to this answer to \
              Configurator.log";
    TooManyResults, "too-many-results", Unexpected, EcmAdministrator,
        says "the search has more results than are read",
        cause "Machine Field or Domain Field names a field whose value very many secrets share",
        cure "check Machine Field, Domain Field and Include domain credentials for";
    VaultFault, "vault-fault", Unexpected, VaultAdministrator,
        says "the vault answers with a SOAP fault",
        cause "an exception inside the vault, or an operation that its version does not have",
        cure "look into the vault's system log; ImpersonateUser needs Secret Server 8.9 or later";
    VaultHidesReason, "vault-hides-reason", Unexpected, VaultAdministrator,
        says "the vault refuses without a reason",
        cause "ZeroInformationDisclosureMessage is set, so every error has the same text",
        cure "look into the vault's system log, or clear that setting while testing";
    VaultRefused, "vault-refused", Unexpected, VaultAdministrator,
        says "the vault refuses with a text that is not known here",
        cause "the vault's own words say more",
        cure "follow the vault's words";
    LoginFailed, "login-failed", Authentication, EcmAdministrator,
        says "the vault does not accept the API account",
        cause "API User, API Password, API Domain or API Organization is wrong, the account is \
               disabled or locked, or its password has expired, which many versions do not tell \
               apart",
        cure "check API User, API Password, API Domain and, for Secret Server Online, API Organization \
              by logging in to the vault with them";
    ApiPasswordExpired, "api-password-expired", Authentication, VaultAdministrator,
        says "the password of the API account has expired",
        cause "local user password expiration is on and applies to the API account",
        cure "set a new password and switch expiration off under Admin > Configuration > Local \
              User Passwords";
    AddressNotAllowed, "address-not-allowed", Permission, VaultAdministrator,
        says "the vault does not allow log-ins from the ECM's address",
        cause "an IP address restriction of the vault does not list the ECM",
        cure "add the ECM's address to the restriction";
    SecondFactorWanted, "second-factor-wanted", Authentication, VaultAdministrator,
        says "the vault wants a second factor from the API account",
        cause "two-factor is required for web services",
        cure "switch two-factor off for web services for the API account";
    ClockSkew, "clock-skew", Configuration, EcmAdministrator,
        says "the clocks of the ECM and of the vault differ",
        cause "one of the two machines does not follow a time server, so that tokens and \
               certificates are taken for expired or not yet valid",
        cure "let both machines follow a time server";
    TokenRefusedTwice, "token-refused-twice", Authentication, VaultAdministrator,
        says "the vault refuses a token that it has just issued",
        cause "the session time-out is shorter than a request, or several vault nodes do not \
               share sessions",
        cure "raise Admin > Configuration > Session Timeout and check that vault nodes share \
              their state";
    NoImpersonatePermission, "no-impersonate-permission", Permission, VaultAdministrator,
        says "the API account may not act for other users",
        cause "its role lacks Web Services Impersonate (sometimes listed as Impersonate); \
               administrators lack it too",
        cure "add Web Services Impersonate to a role of the API account";
    DelegationPending, "delegation-pending", PendingApproval, ConsoleUser,
        says "authentication was successful, but permission to access this user's secrets is \
              pending approval",
        cause "the user has not yet allowed the API account to use their secrets; the vault sent \
               them a mail",
        cure "approve the request from the mail, or in Secret Server under Tools > Manage \
              Applications";
    DelegationUnexplained, "delegation-unexplained", PendingApproval, VaultAdministrator,
        says "the vault gave no access to this user's secrets and no reason",
        cause "most likely the user has not yet allowed the API account to use their secrets; \
               an answer without any words does not say so",
        cure "see whether a request of the API account waits in Secret Server under Tools > \
              Manage Applications of that user, and in the vault's system log if there is none";
    DelegationDenied, "delegation-denied", Permission, ConsoleUser,
        says "this user denied the API account access to their secrets",
        cause "the user refused or revoked the delegation",
        cure "allow the API account in Secret Server under Tools > Manage Applications";
    UserNotRecognised, "user-not-recognised", NotFound, EcmAdministrator,
        says "the vault recognises none of the user names tried",
        cause "the console user has another name or domain in the vault, or no account there",
        cure "compare the names tried with the vault's users, and create or enable the one that is \
              missing; if the user has another domain there or none, set what the line says is not \
              set or off";
    NoUserName, "no-user-name", Configuration, EcmAdministrator,
        says "the appliance sent no user name",
        cause "the security provider of the console user fills no user name",
        cure "check the user name attribute of the appliance's security provider";
    EntryNotListed, "entry-not-listed", NotFound, EcmAdministrator,
        says "the entry to retrieve is not in the list that was found",
        cause "the id is misspelt, or the entry belongs to another user or endpoint; only what is \
               listed can be chosen at a console",
        cure "take an id from the list, or correct the inputs that led to it";
    ApiNotFound, "api-not-found", Configuration, EcmAdministrator,
        says "something else than the API answers at the Endpoint URL",
        cause "the address lacks /BeyondTrust/api/public/v3, or is that of the web console or of \
               another product",
        cure "set Endpoint URL to the address of the API";
    ApiVersionDisabled, "api-version-disabled", Configuration, VaultAdministrator,
        says "version 3 of the vault's API is disabled",
        cause "BeyondInsight answers with status 410: an administrator switched the version off",
        cure "enable the public API v3 in BeyondInsight";
    ProxyRefusesApi, "proxy-refuses-api", Permission, NetworkAdministrator,
        says "a web server before the vault refuses the request",
        cause "a proxy, a web application firewall or IIS itself answers with a page of its own, \
               status 401 or 403",
        cure "let the ECM's address through to /BeyondTrust/api/ in the proxy or IIS";
    VaultError, "vault-error", Unexpected, VaultAdministrator,
        says "the vault had a fault of its own",
        cause "an exception inside BeyondInsight",
        cure "look into BeyondInsight's log, then try again";
    ApiAnswerNotUnderstood, "api-answer-not-understood", Unexpected, Maintainer,
        says "the vault's answer is not understood",
        cause "the API is of an unknown version, or a device on the way changed its JSON",
        cure "compare the vault's version and address with those of a working client";
    NobodySignsIn, "nobody-signs-in", Authentication, EcmAdministrator,
        says "the vault lets none of the user names tried sign in",
        cause "the key is wrong or was rotated, no rule of the registration lists the ECM's \
               address, User Password Required is on, or nobody of that name has the registration; \
               the vault does not say which, and nobody has signed in yet",
        cure "check API Registration Key, the registration's rule for the ECM's address, that User \
              Password Required is off, and that the user exists in BeyondInsight with a group \
              that has the registration enabled";
    RunAsUserUnknown, "run-as-user-unknown", NotFound, EcmAdministrator,
        says "nobody in BeyondInsight may sign in by one of the names tried",
        cause "key and address are good, since somebody else signs in; the console user has \
               another name or domain in BeyondInsight, is not there or disabled, or no group of \
               theirs has the registration",
        cure "compare the names with BeyondInsight's users, check that a group of the user has the \
              API registration enabled, and set the run-as default domain or the fall-back to a \
              local user";
    SignInForbidden, "sign-in-forbidden", Permission, VaultAdministrator,
        says "the vault forbids signing in to its API",
        cause "the licence is not valid",
        cure "check the user's roles and the vault's licence";
    ApproverSignsNotIn, "approver-signs-not-in", Authentication, EcmAdministrator,
        says "the vault does not let the Global Approver sign in",
        cause "the name is wrong, or no group of that user has the registration",
        cure "check Global Approver, and that a group of that user has the API registration enabled";
    RunAsSecondFactor, "run-as-second-factor", Authentication, VaultAdministrator,
        says "the vault wants a second factor of the user",
        cause "Enforce multi-factor authentication is on for the registration, as it is when one is \
               made, and a broker has no code to give",
        cure "switch Enforce multi-factor authentication off for the API registration of the ECM";
    SessionRefusedTwice, "session-refused-twice", Authentication, VaultAdministrator,
        says "the vault refuses a session that it has just opened",
        cause "its nodes do not share sessions, or a proxy drops cookies; a session that ran out \
               is replaced without a word",
        cure "check that all nodes of the vault share their sessions, and that no proxy drops \
              cookies";
    MayNotRequest, "may-not-request", Permission, VaultAdministrator,
        says "this user may not request the account",
        cause "no role of the user covers it, no access policy with the role is open now, or \
               Enable for API access is off for the account; code 4031",
        cure "give the user the Requestor role on a Smart Group with the account and an access \
              policy that is open, and enable the account for API access";
    NotRequestor, "not-a-requestor", Permission, VaultAdministrator,
        says "this user is not a requestor",
        cause "the user has a role on the account, but not that one; code 4032",
        cure "give the user the Requestor role";
    NotApprover, "not-an-approver", Permission, VaultAdministrator,
        says "this user is not an approver",
        cause "approving needs a role of its own; code 4033",
        cure "give the user the Approver role";
    ApproverMayNotApprove, "approver-may-not-approve", Permission, VaultAdministrator,
        says "the Global Approver may not approve the request",
        cause "that user has no Approver role on the account, or is the one who asks",
        cure "give that user the Approver role on a Smart Group with the account";
    RequestPending, "request-pending", PendingApproval, ConsoleUser,
        says "the request for this credential is pending approval in Password Safe",
        cause "the access policy wants an approver, and no Global Approver is set; code 4034",
        cure "have an approver approve the request, then choose the credential again";
    MoreApproversWanted, "more-approvers-wanted", PendingApproval, VaultAdministrator,
        says "the request for this credential needs more approvers than the Global Approver",
        cause "the access policy wants two or more",
        cure "approve the request in Password Safe, or lower the approvers of the access policy";
    NotEnoughApprovers, "not-enough-approvers", Permission, VaultAdministrator,
        says "the access policy wants more approvers than there are",
        cause "too few users have the Approver role on the account; code 4035",
        cure "assign approvers to the Smart Group, or lower the number in the access policy";
    RequestDenied, "request-denied", Permission, ConsoleUser,
        says "the request for this credential was denied or withdrawn in Password Safe",
        cause "an approver said no, or somebody ended the request before its time",
        cure "ask the approvers why; choosing the credential again makes a new request";
    AccountTaken, "account-taken", Permission, ConsoleUser,
        says "the account is released to somebody else or requested by them",
        cause "its concurrent requests are used up, by requests that still wait as well; status 409",
        cure "wait until it is checked in, or raise the account's concurrent requests";
    TicketWanted, "ticket-wanted", Configuration, EcmAdministrator,
        says "the vault wants a ticket for the request, or another one",
        cause "the access policy asks for a ticket number or a ticket system",
        cure "set ticket_number, and ticket_system_id if it is not the default one, in the \
              plugin's settings";
    RequestNotAccepted, "request-not-accepted", Configuration, EcmAdministrator,
        says "the vault does not accept the request as it is",
        cause "the reason, the duration or another value breaks a rule of the access policy",
        cure "follow the vault's words: the access policy may want a reason or a shorter Release \
              Duration";
    ReleaseGone, "release-gone", NotFound, ConsoleUser,
        says "the vault does not have what was asked for",
        cause "the account was deleted, or its release has ended already",
        cure "refresh the list and choose again";
    CallForbidden, "call-forbidden", Permission, VaultAdministrator,
        says "the vault refuses the call",
        cause "a role or a feature permission is missing",
        cure "check the user's roles and the vault's licence";
    AccountEmpty, "account-empty", NotFound, VaultAdministrator,
        says "the account has no password or key in the vault",
        cause "none was ever stored",
        cure "set the account's password or key in Password Safe";
    SearchIncomplete, "search-incomplete", Unsupported, ConsoleUser,
        says "the vault has more accounts than a search by part of a name looks through",
        cause "the API finds systems by whole names and addresses only, so parts of names are \
               compared here",
        cure "search for the whole name or the address of the system";
    SecretNotFound, "secret-not-found", NotFound, ConsoleUser,
        says "the vault has no such secret",
        cause "it was deleted after the list was made",
        cure "refresh the list and choose again";
    SecretAccessDenied, "secret-access-denied", Permission, VaultAdministrator,
        says "this user may not view the secret",
        cause "the user lacks View on the secret or its folder",
        cure "give the user View on the secret";
    SecretNeedsApproval, "secret-needs-approval", PendingApproval, ConsoleUser,
        says "the secret requires approval for access",
        cause "the secret has an approval workflow and no approval is in force",
        cure "request access to the secret in Secret Server and wait for the approval";
    SecretNeedsComment, "secret-needs-comment", Permission, EcmAdministrator,
        says "the secret requires a comment that the ECM does not give",
        cause "the secret asks for a comment or a ticket, and none is configured",
        cure "set comment, and ticket if the vault asks for one, in the plugin's settings";
    SecretCheckedOut, "secret-checked-out", Permission, ConsoleUser,
        says "the secret is checked out to somebody else",
        cause "check-out is exclusive, and another user holds the secret",
        cure "wait until it is checked in, or ask the holder; checked_out_wait_s lets the ECM wait";
    SecretDoubleLocked, "secret-double-locked", Unsupported, VaultAdministrator,
        says "the secret is protected by DoubleLock",
        cause "a DoubleLock password would be needed, which only the user knows",
        cure "remove DoubleLock from secrets that are to be injected";
    PasswordHidden, "password-hidden", Permission, VaultAdministrator,
        says "the secret came without its password",
        cause "Hide Launcher Password is on and the user lacks Edit, or the field is empty",
        cure "give the user Edit, switch Hide Launcher Password off, or fill the field";
    SecretIncomplete, "secret-incomplete", Configuration, VaultAdministrator,
        says "the secret lacks a field that injection needs",
        cause "its template has no user name field, or the field is empty",
        cure "add a field named Username to the secret's template and fill it";
    AttachmentUnreadable, "attachment-unreadable", Unexpected, VaultAdministrator,
        says "an attachment of the secret cannot be read",
        cause "it is not text, or came damaged",
        cure "upload the key or certificate again in a text form such as PEM";
    AttachmentUnsupported, "attachment-unsupported", Unsupported, VaultAdministrator,
        says "the secret holds its credential in an attachment of an unsupported kind",
        cause "the attachment is a key store such as PKCS #12 (.pfx), or neither a key nor a \
               certificate, and the secret has no password",
        cure "attach the private key in PEM, OpenSSH or PuTTY form, and its certificate beside it";
}
