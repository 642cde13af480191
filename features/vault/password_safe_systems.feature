Feature: External Jump Items of Password Safe
  What the console finds are the systems on which the user may request an account.

  Background:
    Given the vault is Password Safe
    And External Jump Items are switched on

  @PS-11
  Scenario Outline: A system is found by part of its name, its DNS name and its address
    When console user "joe.user" searches External Jump Items for "<text>"
    Then the list shows exactly
      | <system> |

    Examples:
      | text               | system |
      | eb0                | web01  |
      | fs01.acme.example  | FS01   |
      | 10.20.0.11         | web01  |
      | LIN0               | lin01  |

  @PS-11
  Scenario: A system on which nothing may be requested is not found
    When console user "joe.user" searches External Jump Items for "nowhere"
    Then the list is empty
