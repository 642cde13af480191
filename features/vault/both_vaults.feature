Feature: A site with two vaults
  One ECM has one vault. A site with both has an ECM group for each, and the Jump Group of a Jump Item
  decides which is asked.

  @LAB-1
  Scenario: Secret Server and Password Safe serve one site, each through an ECM of its own
    Given joe.user has approved the API account
    And Password Safe is a second vault, whose ECM serves "db01"
    When console user "ACME\joe.user" opens the credential list of "web01"
    And the user picks "web01 Administrator"
    Then "Administrator" is injected with the password planted for "web01 Administrator"
    And the second vault was asked for nothing
    When console user "joe.user" opens the credential list of "db01"
    And the user picks "da-jane"
    Then "da-jane" is injected with the password planted for "acme.example da-jane"
    When the session ends
    Then the second vault confirms 1 check-in
