//! A small vault with a hand on its clock.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mock_secret_server::seeded_tokens::SeededTokens;
use mock_secret_server::settings::Settings;
use mock_secret_server::state::{
    Answer, CodeResponse, Command, Contents, Level, NewFolder, NewSecret, NewUser, Operate,
    Operated, Refusal, RolePermission, Secret, SecretSummary, SecretText, SignIn, Trust, Vault,
};
use sim_kit::clock::SimTime;
use sim_kit::seeded::Seed;

pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A vault, its time, and where calls come from.
pub(crate) struct Bench {
    pub(crate) vault: Vault,
    pub(crate) now: SimTime,
    pub(crate) from: IpAddr,
}

/// Local users `svc` (may impersonate), `alice` (views the folder `Servers`), `bob` (owns it) and
/// `eve` (nothing), `carol` of domain `acme.example`; everybody's password is `pw`. One plain
/// secret, number 7.
pub(crate) fn contents() -> Contents {
    Contents::default()
        .with_domain("acme.example", "ACME")
        .with_role("API", &[RolePermission::WebServicesImpersonate])
        .with_user(
            NewUser::local("svc")
                .password("pw")
                .display_name("ECM Service")
                .role("API"),
        )
        .with_user(known(NewUser::local("alice"), "Alice A"))
        .with_user(known(NewUser::local("bob"), "Bob B").role("Administrator"))
        .with_user(known(NewUser::local("eve"), "Eve E"))
        .with_user(known(
            NewUser::of_domain("carol", "acme.example"),
            "Carol C",
        ))
        .with_folder(
            NewFolder::new("Servers")
                .grant("alice", Level::View)
                .grant("bob", Level::Owner),
        )
        .with_secret(account("web01 admin", "web01").id(7))
}

fn known(user: NewUser, display_name: &str) -> NewUser {
    let email = format!("{}@acme.example", user.user_name);
    user.password("pw").display_name(display_name).email(&email)
}

/// A Windows account in the folder `Servers` with password `hunter2`.
pub(crate) fn account(name: &str, machine: &str) -> NewSecret {
    NewSecret::new(name, "Windows Account")
        .in_folder("Servers")
        .item("Machine", machine)
        .item("Username", "admin")
        .password("Password", "hunter2")
}

pub(crate) fn bench() -> Bench {
    Bench::of(contents())
}

/// The vault of [`contents`] with other settings.
pub(crate) fn bench_with(change: impl FnOnce(&mut Settings)) -> Bench {
    let mut contents = contents();
    change(&mut contents.settings);
    Bench::of(contents)
}

impl Bench {
    pub(crate) fn of(contents: Contents) -> Self {
        let now = SimTime::SCENARIO_START;
        let source = Box::new(SeededTokens::new(Seed(1)));
        Self {
            vault: Vault::new(contents, source, now).unwrap(),
            now,
            from: HERE,
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    pub(crate) fn call(&mut self, command: Command) -> Result<Answer, Refusal> {
        self.vault.apply(command, self.now, self.from)
    }

    pub(crate) fn refused(&mut self, command: Command) -> Refusal {
        self.call(command).expect_err("the vault refuses")
    }

    pub(crate) fn operate(&mut self, act: Operate) -> Operated {
        self.vault.operate(act, self.now).unwrap()
    }

    /// A token for a local user with password `pw`.
    pub(crate) fn token(&mut self, user: &str) -> Option<SecretText> {
        match self.call(log_on(user, "pw", None)).unwrap() {
            Answer::Authenticate(token) => Some(token),
            other => panic!("{other:?}"),
        }
    }

    /// A token of `svc` in the context of `user`, who is made to agree first.
    pub(crate) fn impersonated(&mut self, user: &str) -> Option<SecretText> {
        let token = self.token("svc");
        let (caller, user_text) = ("svc".to_owned(), user.to_owned());
        self.operate(Operate::ApproveImpersonation {
            caller,
            user: user_text,
        });
        match self.call(impersonate(&token, user, None)).unwrap() {
            Answer::Impersonate(result) => result.token,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn get(
        &mut self,
        token: &Option<SecretText>,
        secret_id: i32,
        code_responses: Vec<CodeResponse>,
    ) -> Result<Secret, Refusal> {
        let command = Command::GetSecret {
            token: token.clone(),
            secret_id,
            load_settings_and_permissions: None,
            code_responses,
        };
        match self.call(command)? {
            Answer::GetSecret(secret) => Ok(*secret),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn check_in(
        &mut self,
        token: &Option<SecretText>,
        secret_id: i32,
    ) -> Result<Answer, Refusal> {
        self.call(Command::CheckIn {
            token: token.clone(),
            secret_id,
        })
    }

    pub(crate) fn trust(&self, user: &str) -> Trust {
        let found = self
            .vault
            .trusts()
            .into_iter()
            .find(|one| &*one.user == user);
        found.map_or(Trust::None, |one| one.state)
    }
}

pub(crate) fn log_on(user: &str, password: &str, domain: Option<&str>) -> Command {
    Command::Authenticate {
        username: Some(user.into()),
        password: Some(password.into()),
        organization: None,
        domain: domain.map(str::to_owned),
    }
}

/// What somebody without a second factor enters at the pages.
pub(crate) fn person(user: &str, domain: Option<&str>, password: &str) -> SignIn {
    SignIn {
        username: user.into(),
        domain: domain.map(str::to_owned),
        password: password.into(),
        code: None,
    }
}

pub(crate) fn impersonate(token: &Option<SecretText>, user: &str, domain: Option<&str>) -> Command {
    Command::ImpersonateUser {
        token: token.clone(),
        username: Some(user.into()),
        organization: None,
        domain: domain.map(str::to_owned),
    }
}

pub(crate) fn by_field(token: &Option<SecretText>, field: &str, value: &str) -> Command {
    Command::SearchSecretsByFieldValue {
        token: token.clone(),
        field_name: Some(field.into()),
        search_term: Some(value.into()),
        show_deleted: false,
        show_restricted: false,
    }
}

pub(crate) fn summaries(answer: Result<Answer, Refusal>) -> Vec<SecretSummary> {
    match answer.unwrap() {
        Answer::SearchSecrets(found) => found,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn names(answer: Result<Answer, Refusal>) -> Vec<String> {
    summaries(answer)
        .iter()
        .map(|one| one.secret_name.to_string())
        .collect()
}

pub(crate) fn response(code: &str, comment: &str, additional: Option<&str>) -> CodeResponse {
    CodeResponse {
        error_code: Some(code.into()),
        comment: Some(comment.into()),
        additional_comment: additional.map(str::to_owned),
        ticket_system_id: None,
    }
}

pub(crate) fn value<'a>(secret: &'a Secret, field: &str) -> &'a str {
    let items = secret.items.as_ref().expect("items");
    let item = items
        .iter()
        .find(|one| one.field_name.as_deref() == Some(field))
        .expect("field");
    item.value.as_ref().expect("a value").expose()
}
