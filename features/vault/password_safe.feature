Feature: Password Safe
  The console user is the caller: the ECM runs as whoever opens the list, and the vault shows what
  that user may request. A release is a request, which the end of the session gives back.

  Background:
    Given the vault is Password Safe

  @PS-1
  Scenario: The list holds what the console user may request, also by links to a directory
    When console user "joe.user" opens the credential list of "web01"
    Then the list shows exactly
      | administrator on web01           |
      | svc-web on web01                 |
      | ACME\\da-jane linked to web01    |
      | ACME\\svc-backup linked to web01 |

  @PS-2
  Scenario: A policy that wants an approval gets it from the Global Approver
    Given console user "joe.user" opened the credential list of "db01"
    When the user picks "da-jane"
    Then "da-jane" is injected with the password planted for "acme.example da-jane"

  @PS-2
  Scenario: Without a Global Approver the request waits for somebody's approval
    Given the plug-in setting "Global Approver" is ""
    And console user "joe.user" opened the credential list of "db01"
    When the user picks "da-jane"
    Then the console shows an error of category "pending_approval"

  @PS-3
  Scenario: The release lasts as long as the session, and no longer
    Given console user "joe.user" opened the credential list of "web01"
    When the user picks "administrator"
    Then "administrator" is injected with the password planted for "web01 administrator"
    And the secret "web01 administrator" is checked out to joe.user
    When the session ends
    Then the vault confirms 1 check-in
    And the secret "web01 administrator" is free

  @PS-4
  Scenario: A console user whom the vault does not know is an error
    Given console user "joe.user" opened the credential list of "web01"
    When console user "pat.contractor" opens the credential list of "web01"
    Then the console shows an error of category "not_found"
    And the message mentions "pat.contractor"

  @PS-4
  Scenario: As long as nobody has signed in, the registration key may be the reason as well
    Given the plug-in setting "Global Approver" is ""
    When console user "pat.contractor" opens the credential list of "web01"
    Then the console shows an error of category "authentication"
    And the message mentions "pat.contractor"

  @PS-4 @VD-7
  Scenario: A known user without an account there has an empty list
    When console user "joe.user" opens the credential list of "nowhere"
    Then the list is empty

  @PS-4
  Scenario: With a Global Approver who may sign in, the key is not the reason
    Given the plug-in setting "Global Approver" is "global.approver"
    When console user "pat.contractor" opens the credential list of "web01"
    Then the console shows an error of category "not_found"
    And the message mentions "pat.contractor"

  @PS-5
  Scenario Outline: Directory users come as a distinguished name, a UPN or a down-level name
    When console user "<user>" opens the credential list of "web01"
    Then the list shows exactly
      | administrator on web01           |
      | svc-web on web01                 |
      | ACME\\da-jane linked to web01    |
      | ACME\\svc-backup linked to web01 |

    Examples:
      | user                 |
      | lee.desk             |
      | sam.ops@acme.example |
      | ACME\\jane.admin     |

  @PS-6
  Scenario: A session of the vault that dies between request and credential is replaced
    Given console user "joe.user" opened the credential list of "web01"
    And the session dies at the next "GET Credentials/{requestId}"
    When the user picks "administrator"
    Then "administrator" is injected with the password planted for "web01 administrator"
    And the vault was asked for "POST Requests" 1 time

  @PS-7
  Scenario: A conflict that passes is not the console user's business
    Given console user "joe.user" opened the credential list of "web01"
    And the next "POST Requests" conflicts with another request
    When the user picks "administrator"
    Then "administrator" is injected with the password planted for "web01 administrator"

  @PS-7
  Scenario: An account that somebody else has is refused with the reason
    Given console user "joe.user" opened the credential list of "web01"
    And the user picked "administrator"
    And console user "ACME\jane.admin" opened the credential list of "web01"
    When the user picks "administrator"
    Then the console shows an error of category "permission"
    And the message mentions "released to somebody else"

  @PS-3
  Scenario: Reading checks nothing in, and what the check-in rotates is the next password
    Given console user "joe.user" opened the credential list of "web01"
    When the user picks "administrator"
    Then "administrator" is injected with the password planted for "web01 administrator"
    And the vault was asked for "PUT Requests/{id}/Checkin" 0 times
    When the session ends
    Then the vault confirms 1 check-in
    When console user "joe.user" opens the credential list of "web01"
    And the user picks "administrator"
    Then "administrator" is injected with another password than the one planted for "web01 administrator"

  @PS-9
  Scenario: An account that is not enabled for API access is missing without a word
    Given the account "svc-web" on "web01" is not enabled for API access
    When console user "joe.user" opens the credential list of "web01"
    Then the list shows exactly
      | administrator on web01           |
      | ACME\\da-jane linked to web01    |
      | ACME\\svc-backup linked to web01 |
