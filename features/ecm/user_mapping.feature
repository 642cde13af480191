Feature: From the console user to the vault's user
  The appliance sends the name in the form that its security provider has. The vault knows its users
  by name and domain. In between stand the plug-in's settings for a default domain and a fall-back.

  @MAP-1
  Scenario Outline: A name that carries its domain finds the domain user
    Given joe.user has approved the API account
    When console user "<name>" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault granted impersonation of "joe.user" in domain "<domain>"

    Examples:
      | name                  | domain       |
      | ACME\\joe.user        | ACME         |
      | acme\\JOE.USER        | acme         |
      | joe.user@acme.example | acme.example |

  @MAP-2
  Scenario: A bare name takes its domain from the distinguished name
    Given joe.user has approved the API account
    When console user "joe.user" with distinguished name "uid=joe.user,ou=HelpDesk,dc=acme,dc=example" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault granted impersonation of "joe.user" in domain "acme.example"

  @MAP-3
  Scenario: A local console user is looked for in the default domain first
    Given joe.user has approved the API account
    And the plug-in setting "Default Domain for Local BeyondTrust Users" is "ACME"
    When console user "joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault granted impersonation of "joe.user" in domain "ACME"

  @MAP-4 @serial
  Scenario: Without a default domain a local console user does not become a domain user
    When console user "joe.user" opens the credential list of "web01"
    Then the console shows an error of category "not_found"
    And the message mentions "joe.user"
    And the ECM's log mentions "Default Domain"

  @MAP-5
  Scenario: The fall-back finds the local account when the domain has none
    Given sam.local has approved the API account
    And the plug-in setting "Enable fall-back to local account if domain account not found" is "true"
    When console user "ACME\sam.local" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault was asked to impersonate, in order
      | ACME\\sam.local |
      | sam.local       |

  @MAP-6 @serial
  Scenario: Without the fall-back the missing domain account is an error that names the setting
    Given sam.local has approved the API account
    When console user "ACME\sam.local" opens the credential list of "web01"
    Then the console shows an error of category "not_found"
    And the message mentions "sam.local"
    And the ECM's log mentions "fall-back"
    And the vault was asked for ImpersonateUser 1 time

  @MAP-7
  Scenario: The default domain comes first and the fall-back second
    Given sam.local has approved the API account
    And the plug-in setting "Default Domain for Local BeyondTrust Users" is "ACME"
    And the plug-in setting "Enable fall-back to local account if domain account not found" is "true"
    When console user "sam.local" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And the vault was asked to impersonate, in order
      | ACME\\sam.local |
      | sam.local       |

  @MAP-8
  Scenario: A pending approval of the domain account is not passed over by the fall-back
    Given joe.user was never asked
    And the plug-in setting "Enable fall-back to local account if domain account not found" is "true"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "pending_approval"
    And the vault was asked for ImpersonateUser 1 time
