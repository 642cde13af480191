//! Replies of every operation validate against the schema that the service serves: names, order,
//! occurrence, nil and the form of values.

use crate::rig::{Rig, contents};
use mock_secret_server::schema::{Field, Kind, Schema, TARGET_NAMESPACE, Type};
use mock_secret_server::state::{
    FieldKind, Level, NewField, NewSecret, NewTemplate, NewTicketSystem, Operate, Operated,
};
use roxmltree::{Document, Node};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn elements<'a>(node: Node<'a, 'a>) -> Vec<Node<'a, 'a>> {
    node.children().filter(Node::is_element).collect()
}

/// Checks a sequence of elements against the fields of its type, in order.
fn check_children(node: Node<'_, '_>, fields: &[&Field], path: &str) -> Result<(), String> {
    let mut rest = node.children().filter(Node::is_element).peekable();
    for field in fields {
        let mut count = 0;
        while let Some(child) = rest.next_if(|child| child.tag_name().name() == field.name) {
            count += 1;
            check(child, field, &format!("{path}/{}", field.name))?;
        }
        if count == 0 && !field.optional || count > 1 && !field.repeated {
            return Err(format!("{path}: {count} times {}", field.name));
        }
    }
    match rest.next() {
        Some(child) => Err(format!("{path}: {} has no place", child.tag_name().name())),
        None => Ok(()),
    }
}

fn check(node: Node<'_, '_>, field: &Field, path: &str) -> Result<(), String> {
    if node.tag_name().namespace() != Some(TARGET_NAMESPACE) {
        return Err(format!(
            "{path}: namespace {:?}",
            node.tag_name().namespace()
        ));
    }
    let text = node.text().unwrap_or("");
    if node.attribute((XSI, "nil")) == Some("true") {
        let sound = field.nillable && !node.has_children();
        return if sound {
            Ok(())
        } else {
            Err(format!("{path}: nil"))
        };
    }
    if node.attributes().len() > 0 {
        return Err(format!("{path}: an attribute"));
    }
    let is_leaf = !node.children().any(|child| child.is_element());
    let sound = match field.kind {
        Kind::Int => text.parse::<i32>().is_ok(),
        Kind::Boolean => matches!(text, "true" | "false"),
        Kind::String => is_leaf,
        Kind::DateTime => text.len() >= 19 && &text[10..11] == "T",
        Kind::Base64Binary => text.len().is_multiple_of(4),
        Kind::Any | Kind::DataSet => true,
        Kind::Named(name) => return check_named(node, name, path),
    };
    if sound {
        Ok(())
    } else {
        Err(format!("{path}: {text:?} as {:?}", field.kind))
    }
}

fn check_named(node: Node<'_, '_>, name: &str, path: &str) -> Result<(), String> {
    let schema = Schema::get();
    match schema.types.get(name) {
        Some(Type::Enumeration(values)) => {
            let text = node.text().unwrap_or("");
            let known = values.contains(&text);
            if known {
                Ok(())
            } else {
                Err(format!("{path}: {text:?} is no {name}"))
            }
        }
        Some(Type::Complex { .. }) => check_children(node, &schema.fields(name), path),
        None => Err(format!("{path}: no type {name}")),
    }
}

/// Checks a whole reply; gives whether the call succeeded.
fn check_reply(operation: &str, reply: &str) -> Result<bool, String> {
    let document = Document::parse(reply).map_err(|error| error.to_string())?;
    let body = elements(elements(document.root_element())[0]);
    let response = body[0];
    let result = elements(response)[0];
    if response.tag_name().name() != format!("{operation}Response")
        || result.tag_name().name() != format!("{operation}Result")
    {
        return Err(format!("{:?} {:?}", response.tag_name(), result.tag_name()));
    }
    let found = Schema::get().operation(operation).unwrap();
    check_named(result, found.result, operation)?;
    let fails = |node: &Node<'_, '_>| match node.tag_name().name() {
        "Errors" => node.has_children(),
        "ErrorMessage" => true,
        _ => false,
    };
    Ok(!elements(result).iter().any(fails))
}

/// The operations that have something behind them.
fn mocked(rig: &Rig) -> Vec<&'static str> {
    let all = Schema::get()
        .operations
        .iter()
        .map(|operation| operation.name);
    all.filter(|name| !rig.call(name, "").body.contains("is known but not mocked."))
        .collect()
}

/// A template with one file: downloads without an item's id want exactly one.
fn one_file() -> NewTemplate {
    let field = |(name, kind): (&str, FieldKind)| NewField {
        name: name.into(),
        display_name: None,
        kind,
        exposed: false,
    };
    let fields = [
        ("Machine", FieldKind::Text),
        ("Username", FieldKind::Text),
        ("Password", FieldKind::Password),
        ("Key", FieldKind::File),
    ];
    NewTemplate {
        id: Some(6900),
        name: "One File".into(),
        fields: fields.map(field).into(),
    }
}

fn rich() -> Rig {
    let mut key = NewSecret::new("key", "One File")
        .id(9)
        .in_folder("Servers")
        .item("Machine", "srv09")
        .item("Username", "root")
        .password("Password", "pw")
        .file("Key", "id_ed25519", b"not a key");
    key.rules.proxy = true;
    let mut contents = contents()
        .with_secret(key)
        .with_secret(
            NewSecret::new("asked", "Windows Account")
                .id(10)
                .grant("alice", Level::View)
                .grant("api", Level::Owner)
                .approval(&["api"]),
        )
        .with_secret(
            NewSecret::new("commented", "Windows Account")
                .id(11)
                .in_folder("Servers")
                .comment(),
        );
    contents.templates.push(one_file());
    contents.ticket_systems.push(NewTicketSystem {
        name: "Tickets".into(),
        description: Some("where they are kept".into()),
        is_default: true,
    });
    Rig::with(|builder| builder.contents(contents))
}

#[test]
fn a_refusal_of_any_operation_is_valid() {
    let rig = Rig::start();
    let mocked = mocked(&rig);
    assert_eq!(mocked.len(), 38);
    for operation in mocked {
        let reply = rig.call(operation, "");
        if let Err(error) = check_reply(operation, &reply.body) {
            panic!("{error}\n{reply:?}");
        }
    }
}

/// Text of an element within the first piece between `mark`s that contains `part`.
fn within(document: &str, mark: &str, part: &str, element: &str) -> String {
    let piece = document.split(mark).find(|piece| piece.contains(part));
    let (_, rest) = piece.unwrap().split_once(&format!("<{element}>")).unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

/// A parameter of every name, so that nearly every operation finds its own among them.
fn everything(rig: &Rig, token: &str) -> String {
    let token = format!("<token>{token}</token>");
    let search = format!("{token}<searchTerm>srv</searchTerm>");
    let search = rig.call("SearchSecretsLegacy", &search);
    let template = search.element("SecretTypeId").unwrap();
    let folder = search.element("FolderId").unwrap();
    let users = rig.call("SearchUsers", &token);
    let user = users.element("Id").unwrap();
    let fields = format!("{token}<secretTypeId>{template}</secretTypeId>");
    let fields = rig.call("GetSecretTemplateFields", &fields).body;
    let field = within(&fields, "<SecretField>", "<IsPassword>true", "Id");
    format!(
        "{token}<username>alice</username><password>p&lt;w&gt;</password>\
         <searchTerm>srv</searchTerm><folderName>Serv</folderName><notes>n</notes>\
         <ipAddress>10.0.0.1</ipAddress><ticketNumber>T1</ticketNumber>\
         <loadSettingsAndPermissions>true</loadSettingsAndPermissions>\
         <secretTypeId>{template}</secretTypeId><folderId>{folder}</folderId>\
         <userId>{user}</userId><secretFieldId>{field}</secretFieldId>"
    )
}

/// A request for access, and a launched session, as the parameters that name them.
fn operated(rig: &Rig, act: Operate) -> String {
    match rig.server.operate(act) {
        Ok(Operated::Filed(id)) => format!("<approvalId>{id}</approvalId><hours>1</hours>"),
        Ok(Operated::Launched(key)) => format!("<sessionKey>{}</sessionKey>", key.expose()),
        other => panic!("{other:?}"),
    }
}

/// The parameters with which an operation succeeds.
fn parameters(rig: &Rig, operation: &str, common: &str) -> String {
    let alice = || "alice".to_owned();
    match operation {
        // One that would end the others' token, or needs another secret, has its own.
        "ChangePassword" => format!(
            "<token>{}</token><currentPassword>p&lt;w&gt;</currentPassword>\
             <newPassword>n3w Pass-word!</newPassword>",
            rig.alice()
        ),
        "ApproveSecretAccessRequest" | "DenySecretAccessRequest" => operated(
            rig,
            Operate::FileAccessRequest {
                secret_id: 10,
                user: alice(),
                reason: "because".into(),
            },
        ),
        "CheckInByKey" => operated(
            rig,
            Operate::Launch {
                secret_id: 8,
                user: alice(),
            },
        ),
        "DownloadFileAttachment"
        | "DownloadFileAttachmentByItemId"
        | "GetSSHLoginCredentials"
        | "GetSSHLoginCredentialsWithMachine" => {
            let own = format!("{common}<secretId>9</secretId><machine>srv09</machine>");
            let secret = rig.call("GetSecretLegacy", &own).body;
            let file = within(&secret, "<SecretItem>", "<IsFile>true", "Id");
            format!("{own}<secretItemId>{file}</secretItemId>")
        }
        "GetSecretsByFieldValue"
        | "GetSecretsByExposedFieldValue"
        | "SearchSecretsByFieldValue"
        | "SearchSecretsByExposedFieldValue" => {
            common.replace(">srv<", ">srv01<") + "<fieldName>Machine</fieldName>"
        }
        _ => format!("{common}<secretId>7</secretId>"),
    }
}

#[test]
fn a_success_of_any_operation_is_valid() {
    let rig = rich();
    let token = rig.token("api", "api&pw");
    let common = everything(&rig, &token);
    for operation in mocked(&rig) {
        let own = parameters(&rig, operation, &common);
        let reply = rig.call(operation, &own);
        assert_eq!(check_reply(operation, &reply.body), Ok(true), "{reply:?}");
    }
    // The secret's error has a type of its own.
    let commented = format!("<token>{token}</token><secretId>11</secretId>");
    let reply = rig.call("GetSecret", &commented).body;
    assert!(reply.contains("<SecretError>"), "{reply}");
    assert_eq!(check_reply("GetSecret", &reply), Ok(false));
}

#[test]
fn the_checker_refuses_what_the_schema_refuses() {
    let rig = Rig::start();
    let good = rig.call("WhoAmI", "").body;
    assert_eq!(check_reply("WhoAmI", &good), Ok(false));
    for (from, to) in [
        ("<UserId>0</UserId>", ""),
        ("<UserId>0</UserId>", "<UserId>x</UserId>"),
        ("<UserId>0</UserId>", "<UserId xsi:nil=\"true\" />"),
        ("<UserId>0</UserId>", "<UserId>0</UserId><UserId>0</UserId>"),
        ("<UserId>0</UserId>", "<UserId xmlns=\"\">0</UserId>"),
        ("<DomainId>0</DomainId>", "<DomainId>0</DomainId><More />"),
        (
            "<UserId>0</UserId><DomainId>0</DomainId>",
            "<DomainId>0</DomainId><UserId>0</UserId>",
        ),
    ] {
        assert!(good.contains(from));
        assert!(
            check_reply("WhoAmI", &good.replace(from, to)).is_err(),
            "{to}"
        );
    }
}
