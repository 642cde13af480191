Feature: SSH keys in attachments
  A key is not a field of its secret but a file that hangs on it, and is fetched on its own.

  Background:
    Given joe.user has approved the API account

  @ATT-1
  Scenario: A private key is downloaded and injected
    Given console user "ACME\joe.user" opened the credential list of "lin01"
    When the vault's journal is cleared
    And the user picks "lin01 root key"
    Then "root" is injected with the private key planted for "lin01 root key"
    And the vault was asked, in order
      | GetSecret                      |
      | DownloadFileAttachmentByItemId |
      | DownloadFileAttachmentByItemId |

  @ATT-2
  Scenario: An empty file field is no obstacle when there is a password
    Given console user "ACME\joe.user" opened the credential list of "lin02"
    When the user picks "lin02 deploy"
    Then "deploy" is injected with the password planted for "lin02 deploy"

  @ATT-3
  Scenario: A secret without attachments costs one call
    Given console user "ACME\joe.user" opened the credential list of "web01"
    When the vault's journal is cleared
    And the user picks "web01 Administrator"
    Then the vault was asked, in order
      | GetSecret |
