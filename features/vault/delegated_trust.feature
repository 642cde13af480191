Feature: Delegated trust
  Access to a user's secrets is the user's to give. The first time the API account acts for a user,
  Secret Server files a request and mails the user; until it is approved nobody sees a credential.

  @DT-1 @DT-2
  Scenario: The first access files a request, mails the user and says so at the console
    Given joe.user was never asked
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "pending_approval"
    And the message mentions "approv"
    And 1 mail asks joe.user for approval
    And the vault was asked for Authenticate 1 time
    And the vault was never asked for SearchSecretsByFieldValue

  @DT-2
  Scenario: The console names the place where the request is approved
    Given joe.user was never asked
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "pending_approval"
    And the error carries the address where the request is approved

  @DT-3
  Scenario: After the approval the same user gets the list
    Given joe.user was never asked
    When console user "ACME\joe.user" opens the credential list of "web01"
    And joe.user approves the request
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"

  @DT-3
  Scenario: One approval covers later sessions
    Given joe.user has approved the API account
    When 30 days pass
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And no mail asks joe.user for approval

  @DT-4
  Scenario: A denied request stays without credentials
    Given joe.user was never asked
    When console user "ACME\joe.user" opens the credential list of "web01"
    And joe.user denies the request
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "permission"
    And the message mentions "denied"

  @DT-5
  Scenario: Revoked access needs a new approval
    Given joe.user has approved the API account
    And console user "ACME\joe.user" opened the credential list of "web01"
    When joe.user revokes the access
    And the token cache is cleared
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "pending_approval"
    And 1 mail asks joe.user for approval

  @DT-6
  Scenario: A second attempt while the request is pending sends no second mail
    Given joe.user was never asked
    When console user "ACME\joe.user" opens the credential list of "web01"
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "pending_approval"
    And 1 mail asks joe.user for approval

  @DT-7
  Scenario: One user's approval is not another's
    Given joe.user has approved the API account
    And ann.admin was never asked
    When console user "ACME\ann.admin" opens the credential list of "web01"
    Then the console shows an error of category "pending_approval"
    And 1 mail asks ann.admin for approval

  @DT-8 @serial
  Scenario: An API account without the Impersonate permission is refused, and the log names it
    Given the API account lacks the permission to impersonate
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "permission"
    And the message mentions "may not act for other users"
    And the ECM's log mentions "Impersonate"
