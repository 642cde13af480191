Feature: Several ECMs on one site
  Several ECMs stand by for each other. One receives the requests: the one that has been connected
  the longest.

  Background:
    Given joe.user has approved the API account

  @HA-1
  Scenario: The ECM that has been connected the longest receives the requests
    Given ECMs "first" and "second" are connected, in this order
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And ECM "first" received the request

  @HA-2
  Scenario: When it stops, the next one receives them
    Given ECMs "first" and "second" are connected, in this order
    When ECM "first" stops
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"
    And ECM "second" received the request

  @HA-3
  Scenario: An ECM that comes back goes to the back of the queue
    Given ECMs "first" and "second" are connected, in this order
    When ECM "first" stops
    And ECM "first" starts again
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then ECM "second" received the request

  @HA-4
  Scenario: Without any ECM the console says so
    Given ECM "first" is connected
    When ECM "first" stops
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "no_ecm"
    And the message mentions "ECM"

  @HA-5
  Scenario: An API account that loses the ECM permission takes its ECM along
    Given ECM "first" is connected
    When the ECM's API account loses the ECM permission
    And console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "no_ecm"
