Feature: No planted secret is written anywhere
  Every secret of a lab is a canary. After each scenario every log line, journal, state dump and file
  is searched for all of them, in every encoding; these scenarios walk the paths on which a secret is
  most easily dropped.

  Background:
    Given joe.user has approved the API account

  @SEC-1
  Scenario: A whole journey leaves no trace of the credential
    Given console user "ACME\joe.user" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    When the session ends
    Then the vault confirms 1 check-in
    And nothing that was written holds a planted secret

  @SEC-1
  Scenario: A garbled answer is not quoted
    Given console user "ACME\joe.user" opened the credential list of "web01"
    And the vault garbles the next GetSecret
    When the user picks "web01 Administrator"
    Then the console shows an error
    And nothing that was written holds a planted secret

  @SEC-1
  Scenario: A refused password of the API account is not quoted
    Given the password of the API account has expired in the vault
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "authentication"
    And nothing that was written holds a planted secret

  @SEC-2
  Scenario: The scan itself is awake
    When a planted secret is written to a log on purpose
    Then the scan finds it
