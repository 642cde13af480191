Feature: The Test Settings form
  An administrator asks the vault as a session would, with the settings at hand, before anybody
  relies on them. The appliance is not involved, and no password is shown.

  @TST-1
  Scenario: A test finds what a session would find, without the appliance
    Given joe.user has approved the API account
    And no ECM is connected
    When Test Settings asks for "ACME\joe.user" on host "web01"
    Then the list shows "web01 Administrator"
    And the appliance was asked for nothing

  @TST-2
  Scenario: A test before the approval says that the permission is pending
    Given joe.user was never asked
    And no ECM is connected
    When Test Settings asks for "ACME\joe.user" on host "web01"
    Then the test shows an error of category "pending_approval"
    And the message mentions "authentication was successful"
    And 1 mail asks joe.user for approval

  @TST-3
  Scenario: A test without results is a success
    Given joe.user has approved the API account
    And no ECM is connected
    And the plug-in setting "Include domain credentials for" is ""
    When Test Settings asks for "ACME\joe.user" on host "nowhere"
    Then the list is empty
    And the dialog says "no results"

  @TST-4
  Scenario: Retrieve Credential finds a credential, shows no password and gives it back
    Given joe.user has approved the API account
    And no ECM is connected
    When Test Settings retrieves "db01 Administrator" for "ACME\joe.user" on host "db01"
    Then the dialog says "found"
    And the dialog shows no planted secret
    And the secret "db01 Administrator" is free
