Feature: The ECM that Password Safe brings
  The form Connect to Secure Remote Access names the appliance by Host, Port, Client ID and API Key.
  Saving it makes a policy that approves by itself, a registration, and a group of requesters.

  Background:
    Given Password Safe is connected by its own form, with joe.user among the requesters

  @PS-12
  Scenario: A requester gets a credential without anybody's approval
    Given console user "joe.user" opened the credential list of "db01"
    When the user picks "da-jane"
    Then "da-jane" is injected with the password planted for "acme.example da-jane"
    And the vault was asked for "PUT Requests/{id}/Approve" 0 times
    When the session ends
    Then the vault confirms 1 check-in

  @PS-12 @TST-1
  Scenario: Test Settings works with the form as it stands
    When Test Settings asks for "joe.user" on host "web01"
    Then the list shows "administrator on web01"
