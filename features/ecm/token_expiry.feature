Feature: Tokens that expire
  The ECM keeps the tokens that it was given and uses them until the vault refuses one. Then it
  authenticates again, once, without anybody at the console noticing.

  Background:
    Given joe.user has approved the API account

  @TOK-1
  Scenario: A second look-up reuses both tokens
    Given console user "ACME\joe.user" opened the credential list of "web01"
    When the vault's journal is cleared
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault was asked for nothing but SearchSecretsByFieldValue

  @TOK-2
  Scenario: A token that expired between two look-ups is replaced
    Given the session timeout of the vault is 20 minutes
    And console user "ACME\joe.user" opened the credential list of "web01"
    When the vault's journal is cleared
    And 21 minutes pass
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault was asked for Authenticate 1 time
    And the vault was asked for ImpersonateUser at least 1 time

  @TOK-2
  Scenario: A token that expires between the list and the pick is replaced
    Given the session timeout of the vault is 20 minutes
    And console user "ACME\joe.user" opened the credential list of "web01"
    When 21 minutes pass
    And the user picks "web01 Administrator"
    Then "Administrator" is injected with the password planted for "web01 Administrator"

  @TOK-3
  Scenario: A token that dies during GetSecret is replaced within the same call
    Given console user "ACME\joe.user" opened the credential list of "web01"
    And the token dies at the next GetSecret
    When the vault's journal is cleared
    And the user picks "web01 Administrator"
    Then "Administrator" is injected with the password planted for "web01 Administrator"
    And the vault was asked for GetSecret 2 times

  @TOK-4 @serial
  Scenario: Tokens that keep dying end in an error, and the log names the vault's setting
    Given console user "ACME\joe.user" opened the credential list of "web01"
    And the token dies at every GetSecret
    When the user picks "web01 Administrator"
    Then the console shows an error of category "authentication"
    And the message mentions "token"
    And the ECM's log mentions "Session Timeout"
    And the vault was asked for GetSecret 2 times

  @TOK-5
  Scenario: Clearing the token cache makes the next look-up authenticate
    Given console user "ACME\joe.user" opened the credential list of "web01"
    When the token cache is cleared
    And the vault's journal is cleared
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault was asked for Authenticate 1 time
    And the vault was asked for ImpersonateUser 1 time

  @TOK-6
  Scenario: An expired password of the API account is an authentication error, and is not repeated
    Given the password of the API account has expired in the vault
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "authentication"
    And the message mentions "API account"
    And the vault was asked for Authenticate 1 time

  @TOK-6
  Scenario: Further requests do not repeat a refused log-on, whoever makes them
    Given the password of the API account has expired in the vault
    When console user "ACME\joe.user" opens the credential list of "web01"
    And console user "ACME\joe.user" opens the credential list of "db01"
    And console user "ACME\ann.admin" opens the credential list of "web01"
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "authentication"
    And the message mentions "not tried again"
    And the vault was asked for Authenticate 1 time
    When the token cache is cleared
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the vault was asked for Authenticate 2 times
