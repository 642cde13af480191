Feature: The path of the Endpoint URL
  A Cloud tenant serves its web services at the root of the host. An on-premises installation often
  stands in a virtual directory. Swapping the two is the commonest reason for a first failure.

  @URL-1
  Scenario: A Cloud tenant answers at the root
    Given the vault is a Cloud tenant
    And the Endpoint URL has the path "/webservices/SSWebservice.asmx"
    And joe.user has approved the API account
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"

  @URL-2
  Scenario: An extra /SecretServer/ on a Cloud tenant is named as the mistake
    Given the vault is a Cloud tenant
    And the Endpoint URL has the path "/SecretServer/webservices/SSWebservice.asmx"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "configuration"
    And the message mentions "/SecretServer"
    And the vault refused a request for path "/SecretServer/webservices/SSWebservice.asmx" with status 404

  @URL-3
  Scenario: An on-premises installation answers in its virtual directory
    Given the vault is an on-premises installation
    And the Endpoint URL has the path "/SecretServer/webservices/SSWebService.asmx"
    And joe.user has approved the API account
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"

  @URL-4
  Scenario: A missing virtual directory on an on-premises installation is named as the mistake
    Given the vault is an on-premises installation
    And the Endpoint URL has the path "/webservices/SSWebService.asmx"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "configuration"
    And the message mentions "/SecretServer"

  @URL-5
  Scenario Outline: The letter case of the path does not matter
    Given the vault is a Cloud tenant
    And the Endpoint URL has the path "<path>"
    And joe.user has approved the API account
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the list shows "web01 Administrator"

    Examples:
      | path                           |
      | /webservices/SSWebService.asmx |
      | /webservices/sswebservice.asmx |
      | /WebServices/SSWEBSERVICE.ASMX |

  @URL-6
  Scenario: A mistyped service name is a configuration error
    Given the vault is a Cloud tenant
    And the Endpoint URL has the path "/webservices/SSWebservic.asmx"
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "configuration"
    And the message mentions "Endpoint URL"

  @URL-7
  Scenario: Web services that are switched off and lead to the log-in page
    Given web services are disabled in the vault
    When console user "ACME\joe.user" opens the credential list of "web01"
    Then the console shows an error of category "configuration"
    And the message mentions "redirects"
