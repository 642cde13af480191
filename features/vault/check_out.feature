Feature: Check-out and check-in
  Fetching a secret that has check-out enabled takes it out for the user, exclusively. The end of the
  session gives it back.

  Background:
    Given joe.user has approved the API account
    And ann.admin has approved the API account

  @CO-1
  Scenario: Fetching checks the secret out to the console user
    Given console user "ACME\joe.user" opened the credential list of "db01"
    When the user picks "db01 Administrator"
    Then "Administrator" is injected with the password planted for "db01 Administrator"
    And the secret "db01 Administrator" is checked out to joe.user

  @CO-2
  Scenario: The end of the session checks the secret in
    Given console user "ACME\joe.user" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    When the session ends
    Then the vault confirms 1 check-in
    And the secret "db01 Administrator" is free

  @CO-3
  Scenario: A secret that somebody else holds is refused, and the message says who
    Given console user "ACME\ann.admin" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    When console user "ACME\joe.user" opens the credential list of "db01"
    And the user picks "db01 Administrator"
    Then the console shows an error of category "permission"
    And the message mentions "checked out"

  @CO-4
  Scenario: After the check-in the next user gets the secret, with its new password
    Given console user "ACME\ann.admin" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    And the session ended and the vault confirmed the check-in
    When console user "ACME\joe.user" opens the credential list of "db01"
    And the user picks "db01 Administrator"
    Then "Administrator" is injected with another password than the one planted for "db01 Administrator"

  @CO-5
  Scenario: A check-in that the vault could not take is repeated until it is confirmed
    Given console user "ACME\joe.user" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    And the next CheckIn is dropped before it is handled
    When the session ends
    Then the vault confirms 1 check-in
    And the secret "db01 Administrator" is free

  @CO-6
  Scenario: The end of one of two sessions leaves the secret to the other
    Given console user "ACME\joe.user" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    And console user "ACME\joe.user" opened the credential list of "db01"
    And the user picked "db01 Administrator"
    When the earlier session ends and the ECM has taken note
    Then the secret "db01 Administrator" is checked out to joe.user
    And the vault was asked for CheckIn 0 times
    When the session ends
    Then the vault confirms 1 check-in
    And the secret "db01 Administrator" is free
