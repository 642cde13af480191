"""The vendor's library, unmodified: fetch, ISA, approval, Secrets Safe, provisioning, errors."""

import logging

import requests
from lab import API, CA, SCRATCH, Checks, secrets
from secrets_safe_library import (
    access_policies,
    assets,
    authentication,
    credentials,
    databases,
    directories,
    exceptions,
    folders,
    functional_accounts,
    isa_requests,
    linked_accounts,
    managed_account,
    managed_systems,
    platforms,
    request_sets,
    requests as releases,
    safe_permissions,
    safes,
    secrets_safe,
    sessions,
    ticket_systems,
    users,
    workgroups,
)

logging.disable(logging.CRITICAL)
c = Checks("library")
told = secrets()
KEY = told["registration/ECM/key"]


def signed_in(user=None, version=None):
    who = {"api_key": f"{KEY};runas={user};"}
    if user is None:
        who = {
            "client_id": told["user/provisioner/client-id"],
            "client_secret": told["user/provisioner/client-secret"],
        }
    auth = authentication.Authentication(
        req=requests.Session(), api_url=API, verify_ca=CA, api_version=version, **who
    )
    auth.get_api_access()
    return auth


joe = signed_in("joe.user")
admin = signed_in()
approver = signed_in("global.approver")

# Fetch, with reuse and check-in.
accounts = managed_account.ManagedAccount(authentication=joe)
c.check("fetch", lambda: accounts.get_secret("web01/svc-web"), lambda text: len(text) > 8)
c.check("list", lambda: accounts.get_managed_accounts(type="system"), lambda rows: len(rows) > 3)
one = c.check("one", lambda: accounts.get_managed_accounts(system_name="lin01", account_name="root"))

# Approval by another user.
ask = releases.Request(authentication=joe)
pair = dict(system_id=2, account_id=4, duration_minutes=30, reason="r", ticket_number="INC-1")
asked, _ = c.check("request with a ticket", lambda: ask.post_request(**pair))
decide = releases.Request(authentication=approver)
c.check("approve", lambda: decide.put_request_approve(asked, "fine"))
second = releases.Request(authentication=signed_in("second.approver"))
c.check("approve twice", lambda: second.put_request_approve(asked, "fine"))
read = credentials.Credentials(authentication=joe)
c.check("credential", lambda: read.get_credentials_by_request_id(asked))
c.check("check in", lambda: ask.put_request_checkin(asked, "done"))
c.check("alias", lambda: ask.post_request_alias(alias_id=1, duration_minutes=10), lambda got: got[1] == 201)
sets = request_sets.RequestSets(authentication=joe)
made = c.check(
    "set",
    lambda: sets.post_request_sets(["View", "SSH"], one["SystemId"], one["AccountId"], 10),
    lambda row: len(row["Requests"]) == 2,
)
c.check(
    "sets",
    lambda: sets.get_request_sets(),
    lambda rows: made["RequestSetID"] in [row["RequestSetID"] for row in rows],
)
fighter = signed_in("fire.fighter")
c.check("ISA", lambda: isa_requests.ISARequest(authentication=fighter).create_isa_request(one["SystemId"], one["AccountId"], 5, "r"))
c.check("ticket systems", lambda: ticket_systems.TicketSystems(authentication=joe).list(), lambda rows: rows[0]["IsDefaultSystem"])
c.check("platforms", lambda: platforms.Platform(authentication=joe).list())
c.check("access policies", lambda: access_policies.AccessPolicy(authentication=admin).list())
c.check("sessions", lambda: sessions.Session(authentication=admin).get_sessions())

# Secrets Safe.
safe_of = safes.Safe(authentication=admin)
safe = c.check("safe", lambda: safe_of.create_safe("Library", "d"))["Id"]
other = safe_of.create_safe("Other", "")["Id"]
c.check("rename a safe", lambda: safe_of.update_safe(safe, "Library 2", "e"), lambda got: got[1] == 204)
c.check("a taken name", lambda: safe_of.update_safe(safe, "Other", "e"), lambda got: got[1] == 409)
may = safe_permissions.SafePermission(authentication=admin)
c.check("permissions", may.list_safe_permissions)
c.check("permit", lambda: may.update_safe_permissions(safe, 0, 1, ["Read"]))
c.check("permitted", lambda: may.get_safe_permissions(safe), lambda rows: len(rows) == 1)
c.check("forbid", lambda: may.delete_safe_permissions(safe, 0, 1))
folder_of = folders.Folder(authentication=admin)
folder = c.check("folder", lambda: folder_of.create_folder("F", safe))["Id"]
c.check("favorite folder", lambda: folder_of.set_folder_favorite(folder, True))
c.check("folders", lambda: folder_of.list_folders(folder_name="F"), lambda rows: rows[0]["IsFavorite"])

for version in ("3.0", "3.1", "3.2", "3.3"):
    team = secrets_safe.SecretsSafe(authentication=signed_in(version=version))
    name = f"t {version}"
    owners = (
        [{"owner_id": 1, "owner": "x", "email": "y"}]
        if version == "3.0"
        else [{"group_id": 1, "user_id": 1, "name": "x", "email": "y"}]
    )
    own = dict(owner_id=1, owner_type="User") if version == "3.0" else {}
    own["owners"] = owners
    made = c.check(f"{version}: credential", lambda: team.create_secret(name, folder, username="u", password="p", **own))
    c.check(f"{version}: change", lambda: team.update_secret(made["Id"], folder, name, username="u", password="q", **own), lambda row: row["Password"] == "q")
    history = c.check(f"{version}: versions", lambda: team.get_secret_versions(made["Id"]), lambda row: len(row["Versions"]) == 2)
    first = history["Versions"][0]["Id"]
    c.check(f"{version}: version", lambda: team.get_secret_password_version(made["Id"], first))
    c.check(f"{version}: roll back", lambda: team.rollback_secret_version(made["Id"], first))
    note = c.check(f"{version}: text", lambda: team.create_secret(f"n {version}", folder, text="a", **own))
    c.check(f"{version}: change a text", lambda: team.update_secret(note["Id"], folder, f"n {version}", text="b", **own))
    path = f"{SCRATCH}/file.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.write("content")
    held = c.check(f"{version}: file", lambda: team.create_secret(f"f {version}", folder, file_path=path, **own))
    c.check(f"{version}: change a file", lambda: team.update_secret(held["Id"], folder, f"f {version}", file_path=path, **own))
    c.check(f"{version}: bytes", lambda: team.get_file_secret_data(held["Id"]), lambda text: text == "content")
    c.check(f"{version}: metadata", lambda: team.get_file_secret_metadata(held["Id"]), lambda row: len(row["FileHash"]) == 64)
    c.check(f"{version}: by path", lambda: team.get_secret(f"Library 2/F/{name}"), lambda text: text == "p")
    c.check(f"{version}: favorite", lambda: team.set_secret_favorite(made["Id"], True))
    c.check(f"{version}: share", lambda: team.create_secret_share(made["Id"], other))
    c.check(f"{version}: shares", lambda: team.get_secret_shares_by_id(made["Id"]), lambda rows: len(rows) == 1)
    c.check(f"{version}: unshare", lambda: team.delete_secret_share(made["Id"], other))
    c.check(f"{version}: unshare all", lambda: team.delete_all_secret_shares(made["Id"]))
    c.check(f"{version}: in folder", lambda: team.list_secrets_by_folder_id(folder), lambda rows: len(rows) > 2)
    c.check(f"{version}: list", lambda: team.list_secrets(path="Library 2/F", separator="/"))
    c.check(f"{version}: move", lambda: team.move_secrets([note["Id"]], [], other, "Rename"), lambda row: row["SecretsMovedCount"] == 1)
    c.check(f"{version}: remove", lambda: team.delete_secret_by_id(held["Id"]))
    if version == "3.3":
        team.update_secret(made["Id"], folder, name, username="u", password="q", totp_enabled=True, totp_secret_key="GEZDGNBVGY3TQOJQ", **own)
        c.check("one-time code", lambda: team.get_secret_totp_code(made["Id"]), lambda row: len(row["Code"]) == 6)

with open(f"{SCRATCH}/import.csv", "w", encoding="utf-8") as file:
    file.write("Title,Username,Password\nrow,u,p\n")
c.check("import", lambda: folder_of.import_csv(folder, f"{SCRATCH}/import.csv"), lambda row: row["SuccessfulImport"] == 1)
c.check("move a folder", lambda: folder_of.move_folder(folder, other, "Rename"), lambda row: row["ParentId"] == other)
c.check("remove a folder", lambda: folder_of.delete_by_id(folder, expected_status_code=200))
c.check("remove a safe", lambda: safe_of.delete_by_id(safe))

# Provisioning.
group = c.check("workgroup", lambda: workgroups.Workgroup(authentication=admin).post_workgroup("Lab", "5e7c1a52-0d0f-4a53-9d2c-2f6f0b1c7e01"))
c.check("databases", databases.Database(authentication=admin).get_databases, lambda rows: len(rows) == 1)
c.check("directories", directories.Directory(authentication=admin).list_directories, lambda rows: len(rows) == 1)
c.check("functional accounts", functional_accounts.FunctionalAccount(authentication=admin).list)
asset = c.check("asset", lambda: assets.Asset(authentication=admin).create_asset(ip_address="10.9.9.9", workgroup_id=group["ID"], asset_name="new01"))
managed = managed_systems.ManagedSystem(authentication=signed_in(version="3.1"))
system = c.check(
    "manage an asset",
    lambda: managed.post_managed_system_by_asset_id(
        asset_id=asset["AssetID"], platform_id=1, contact_email="a@acme.example", description="d",
        release_duration=60, max_release_duration=120, isa_release_duration=60, password_rule_id=0,
        check_password_flag=False, change_password_after_any_release_flag=False,
        reset_password_on_mismatch_flag=False, change_frequency_type="first",
        change_frequency_days=1, change_time="23:30", is_application_host=False,
        remote_client_type="None",
    ),
)
c.check("managed systems", lambda: managed.get_managed_systems(limit=2), lambda page: len(page["Data"]) == 2)
c.check("manage no longer", lambda: managed.delete_managed_system_by_id(system[0]["ManagedSystemID"]))
linked = linked_accounts.LinkedAccount(authentication=admin)
c.check("linked accounts", lambda: linked.list_by_managed_system(1), lambda rows: len(rows) == 2)
c.check("users", lambda: users.User(authentication=admin).get_users(), lambda rows: len(rows) > 5)


# What is refused, is refused in words that the library passes on.
def refused(words, run):
    try:
        run()
    except exceptions.LookupError as error:
        return words in str(error)
    except exceptions.CreationError as error:
        return words in str(error)
    return False


c.check("no such account", lambda: refused("Managed Account not found", lambda: accounts.get_secret("web01/nobody")), bool)
joe = signed_in("joe.user")
hidden = releases.Request(authentication=joe)
c.check("not for the API", lambda: refused("4031", lambda: hidden.post_request(system_id=1, account_id=3, duration_minutes=5)), bool)
c.end()
