Feature: A fault that nothing meets

  @SEC-2
  Scenario: The rule waits for a call that never comes
    Given the vault garbles the next CheckIn
