Feature: A scenario that checks nothing

  @SEC-2
  Scenario: No steps at all
