"""The lines that install the agent on another machine and enrol it."""

from __future__ import annotations

UNIT = """[Unit]
Description=Stocktake agent
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/opt/stocktake/bin/stocktake-agent run
Restart=always
RestartSec=30
StateDirectory=stocktake-agent
Environment=STOCKTAKE_AGENT_HOME=/var/lib/stocktake-agent
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE
AmbientCapabilities=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE

[Install]
WantedBy=multi-user.target"""


def install_lines(token: str) -> tuple[str, ...]:
    """Shell lines for a Debian machine that has the wheel of `make dist` in its folder."""
    return (
        "apt-get install -y python3 python3-venv",
        "python3 -m venv /opt/stocktake",
        "/opt/stocktake/bin/pip install ./stocktake-*.whl",
        "install -d -m 0700 /var/lib/stocktake-agent",
        "export STOCKTAKE_AGENT_HOME=/var/lib/stocktake-agent",
        f"/opt/stocktake/bin/stocktake-agent enrol {token}",
        "cat > /etc/systemd/system/stocktake-agent.service <<'UNIT'",
        *UNIT.splitlines(),
        "UNIT",
        "systemctl daemon-reload && systemctl enable --now stocktake-agent",
    )
