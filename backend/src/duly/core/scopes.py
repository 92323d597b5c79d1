"""What a token may be used for. Each route needs scopes; a request must have all of them."""

TASKS_READ = "tasks:read"
TASKS_WRITE = "tasks:write"
TASKS_DELETE = "tasks:delete"
ACCOUNT_READ = "account:read"

GRANTABLE = (TASKS_READ, TASKS_WRITE, TASKS_DELETE, ACCOUNT_READ)
"""The scopes that an API token can have. `tasks` stands for all resources."""

MANAGE = "account:manage"
"""For routes that change the account, or who can use it. Only a user who has signed in has it."""

OWN_SESSION = "session"
"""For routes that act on the session of the request. Only Duly's own access tokens have it."""

Scopes = frozenset[str]

ALL: Scopes = frozenset({*GRANTABLE, MANAGE, OWN_SESSION})
UNVERIFIED: Scopes = frozenset({ACCOUNT_READ, MANAGE, OWN_SESSION})
"""The scopes of a user who must verify the address first."""

SCOPE_DESCRIPTIONS = {
    TASKS_READ: "Read tasks, lists, sections, labels and filters.",
    TASKS_WRITE: "Create, change and restore them.",
    TASKS_DELETE: "Delete them.",
    ACCOUNT_READ: "Read the account.",
    MANAGE: "Change the account, its password, its sessions and its API tokens. No API token has it.",
    OWN_SESSION: "End the session that sent the request. Only access tokens of Duly have it.",
}
