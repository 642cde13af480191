Feature: A step that is skipped, with the tag by which the test engine would let it pass

  @SEC-2 @allow.skipped
  Scenario: Nothing is left to run
    When a planted secret is written to a log on purpose
    And the moon is full
    Then the scan finds it
