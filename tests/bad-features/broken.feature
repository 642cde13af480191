Feature: A file that is not Gherkin
  Scenario Outline: half a table
    Examples:
      | a
