Feature: Release requests of Password Safe that wait for a person
  The request is the record of the release. One that waits is looked at again instead of being made
  again, and it is given back like any other: it would keep everybody else from the account.

  Background:
    Given the vault is Password Safe
    And the plug-in setting "Global Approver" is ""

  @PS-8
  Scenario: An approval between two attempts lets the second one through
    Given console user "joe.user" opened the credential list of "db01"
    When the user picks "da-jane"
    Then the console shows an error of category "pending_approval"
    When the user picks "da-jane"
    Then the console shows an error of category "pending_approval"
    And 1 release request waits for an approval
    When second.approver approves the release request
    And the user picks "da-jane"
    Then "da-jane" is injected with the password planted for "acme.example da-jane"
    And the vault was asked for "POST Requests" 1 time
    When the session ends
    Then the vault confirms 1 check-in
    And no release request is open

  @PS-8
  Scenario: A denial is told, and nothing is asked again behind the user's back
    Given console user "joe.user" opened the credential list of "db01"
    And the user picked "da-jane"
    When second.approver denies the release request
    And the user picks "da-jane"
    Then the console shows an error of category "permission"
    And the message mentions "denied"
    And the vault was asked for "POST Requests" 1 time
    And no release request is open

  @PS-8
  Scenario: A request that nobody approved ends with its session and frees the account
    Given console user "joe.user" opened the credential list of "db01"
    And the user picked "da-jane"
    And console user "ACME\jane.admin" opened the credential list of "db01"
    When the user picks "da-jane"
    Then the console shows an error of category "permission"
    When the first session ends
    Then the vault confirms 1 check-in
    When the user picks "da-jane"
    Then the console shows an error of category "pending_approval"

  @PS-8 @TST-4
  Scenario: Test Settings leaves no request behind, however often it is pressed
    When Test Settings retrieves "da-jane" for "joe.user" on host "db01"
    Then the test shows an error of category "pending_approval"
    When Test Settings retrieves "da-jane" for "joe.user" on host "db01"
    And Test Settings retrieves "da-jane" for "joe.user" on host "db01"
    Then the test shows an error of category "pending_approval"
    And no release request is open

  @PS-2 @PS-10
  Scenario: Of two approvers the Global Approver is one
    Given the plug-in setting "Global Approver" is "global.approver"
    And the plug-in setting "Ticket number of a release request" is "CHG-1"
    And console user "joe.user" opened the credential list of "db01"
    When the user picks "administrator on db01"
    Then the console shows an error of category "pending_approval"
    And the message mentions "more approvers"
    When second.approver approves the release request
    And the user picks "administrator on db01"
    Then "administrator" is injected with the password planted for "db01 administrator"

  @PS-10
  Scenario: A policy that wants a ticket says so, and whose turn it is
    Given console user "joe.user" opened the credential list of "db01"
    When the user picks "administrator on db01"
    Then the console shows an error of category "configuration"
    And the message mentions "ticket"
