"""Method and path of every operation by its name, without importing what they do.

The command line asks a server by these; a test holds them to the declarations.
"""

PATHS: dict[str, tuple[str, str]] = {
    "assets.list": ("GET", "/assets"),
    "assets.show": ("GET", "/assets/{ref}"),
    "assets.explain": ("GET", "/assets/{ref}/explain"),
    "assets.programs": ("GET", "/assets/{ref}/programs"),
    "assets.history": ("GET", "/assets/{ref}/history"),
    "changes.list": ("GET", "/changes"),
    "agents.list": ("GET", "/agents"),
    "agents.allow": ("POST", "/agents/{agent}/scan-prefixes"),
    "agents.report": ("POST", "/agents/{agent}/report"),
    "agents.revoke": ("POST", "/agents/{agent}/revoke"),
    "tokens.list": ("GET", "/tokens"),
    "tokens.make": ("POST", "/tokens"),
    "tokens.revoke": ("POST", "/tokens/{token_id}/revoke"),
    "import.observations": ("POST", "/import/observations"),
    "import.wait": ("GET", "/import/wait"),
    "export.identity": ("GET", "/export/identity"),
    "export.assets": ("GET", "/export/assets"),
    "status": ("GET", "/status"),
    "backup": ("POST", "/backup"),
    "demo.load": ("POST", "/demo/load"),
    "demo.erase": ("POST", "/demo/erase"),
    "users.list": ("GET", "/users"),
    "users.add": ("POST", "/users"),
    "users.reset": ("POST", "/users/{account}/reset-password"),
}
