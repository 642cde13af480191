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
    When console user "pat.contractor" opens the credential list of "web01"
    Then the console shows an error of category "authentication"
    And the message mentions "pat.contractor"

  @PS-4 @VD-7
  Scenario: A known user without an account there has an empty list
    When console user "joe.user" opens the credential list of "nowhere"
    Then the list is empty
