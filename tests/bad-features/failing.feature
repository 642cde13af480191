Feature: A step that fails

  @SEC-2
  Scenario: A list that nobody asked for
    Then the list is empty
