Feature: Domain credentials beside machine credentials
  Accounts of a domain are not tied to one machine. They are listed when the plug-in is told for
  which domains.

  Background:
    Given joe.user has approved the API account

  @DOM-1
  Scenario: Domain credentials are listed beside the machine's
    Given the plug-in setting "Include domain credentials for" is "acme.example"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows exactly
      | web01 Administrator |
      | ACME helpdesk admin |

  @DOM-2
  Scenario: Without the setting only the machine's credentials are listed
    Given the plug-in setting "Include domain credentials for" is ""
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows exactly
      | web01 Administrator |

  @DOM-3
  Scenario: Several domains are separated by commas
    Given the plug-in setting "Include domain credentials for" is "acme.example, lab.acme.example"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows exactly
      | web01 Administrator |
      | ACME helpdesk admin |
      | LAB operator        |

  @DOM-4
  Scenario: A domain credential is injected with its domain
    Given the plug-in setting "Include domain credentials for" is "acme.example"
    And console user "ACME\joe.user" opened the credential list of "web01"
    When the user picks "ACME helpdesk admin"
    Then "helpdesk.admin" of domain "acme.example" is injected with the password planted for "ACME helpdesk admin"

  @DOM-5
  Scenario: The Machine Field setting decides which field is searched
    Given the plug-in setting "Machine Field" is "Server"
    And the plug-in setting "Include domain credentials for" is ""
    When console user "ACME\joe.user" opens the credential list of "sql01"
    Then the list shows exactly
      | sql01 sa |
