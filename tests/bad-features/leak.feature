Feature: A secret in the log

  @SEC-1
  Scenario: Every step passes, and the look afterwards does not
    When a planted secret is logged
