Feature: A vault that is down, hangs or dies
  Whatever the vault does, the console gets an answer in time, and the answer names what to look at.

  Background:
    Given joe.user has approved the API account

  @VD-1
  Scenario: A vault that is down
    Given the vault is down
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "connectivity"
    And the message mentions the vault's address

  @VD-2
  Scenario: A vault that hangs
    Given the ECM waits 1 second for the vault
    And the vault holds every Authenticate
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "timeout"

  @VD-3
  Scenario: A vault that dies in the middle of a list shows no half of it
    Given the vault dies in the middle of the next SearchSecretsByFieldValue
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "connectivity"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"

  @VD-4
  Scenario: A vault that dies in the middle of a credential is not asked again for it blindly
    Given console user "ACME\joe.user" opened the credential list of "db01"
    And the vault dies in the middle of every GetSecret
    When the user picks "db01 Administrator"
    Then the console shows an error of category "connectivity"

  @VD-5
  Scenario: A proxy that answers in the vault's place
    Given every call is answered by a proxy with status 503
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "connectivity"
    And the message mentions "503"

  @VD-6
  Scenario: A certificate that the ECM does not trust
    Given the ECM does not trust the vault's certificate
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "tls"
    And the message mentions "certificate"

  @VD-7
  Scenario: A user without access to the machine's secrets gets an empty list, which is no error
    Given the plug-in setting "Include domain credentials for" is ""
    When console user "ACME\joe.user" opens the credential list of "hr01"
    Then the list is empty
