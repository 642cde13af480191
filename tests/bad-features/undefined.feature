Feature: A step that nobody defined

  @SEC-2
  Scenario: The first step is unknown
    Given the moon is full
