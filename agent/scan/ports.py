"""The ports a scan tries, with the service that is usual there and how to hear from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Voice(Enum):
    """How a service is made to say what it is."""

    SPEAKS = "it speaks first"
    HTTP = "it answers a HEAD request"
    TLS = "it shows a certificate in a handshake"
    GUESS = "not known: listen, then a handshake, then a HEAD request"
    QUIET = "left alone: what it is sent might be printed or acted on"


@dataclass(frozen=True)
class Port:
    """One port of TCP."""

    number: int
    service: str
    voice: Voice


PORTS: tuple[Port, ...] = (
    Port(21, "ftp", Voice.SPEAKS),
    Port(22, "ssh", Voice.SPEAKS),
    Port(23, "telnet", Voice.QUIET),
    Port(25, "smtp", Voice.SPEAKS),
    Port(53, "domain", Voice.QUIET),
    Port(80, "http", Voice.HTTP),
    Port(88, "kerberos", Voice.QUIET),
    Port(110, "pop3", Voice.SPEAKS),
    Port(111, "rpcbind", Voice.QUIET),
    Port(135, "msrpc", Voice.QUIET),
    Port(139, "netbios-ssn", Voice.QUIET),
    Port(143, "imap", Voice.SPEAKS),
    Port(389, "ldap", Voice.QUIET),
    Port(443, "https", Voice.TLS),
    Port(445, "microsoft-ds", Voice.QUIET),
    Port(465, "smtps", Voice.TLS),
    Port(515, "printer", Voice.QUIET),
    Port(548, "afp", Voice.QUIET),
    Port(554, "rtsp", Voice.QUIET),
    Port(587, "submission", Voice.SPEAKS),
    Port(631, "ipp", Voice.HTTP),
    Port(636, "ldaps", Voice.TLS),
    Port(902, "vmware-auth", Voice.SPEAKS),
    Port(993, "imaps", Voice.TLS),
    Port(995, "pop3s", Voice.TLS),
    Port(1433, "ms-sql-s", Voice.QUIET),
    Port(1521, "oracle", Voice.QUIET),
    Port(1883, "mqtt", Voice.QUIET),
    Port(2049, "nfs", Voice.QUIET),
    Port(2375, "docker", Voice.HTTP),
    Port(3000, "http-alt", Voice.HTTP),
    Port(3268, "global-catalog", Voice.QUIET),
    Port(3306, "mysql", Voice.SPEAKS),
    Port(3389, "rdp", Voice.QUIET),
    Port(5060, "sip", Voice.QUIET),
    Port(5432, "postgresql", Voice.QUIET),
    Port(5672, "amqp", Voice.QUIET),
    Port(5900, "vnc", Voice.SPEAKS),
    Port(5985, "winrm", Voice.HTTP),
    Port(5986, "winrm-tls", Voice.TLS),
    Port(6379, "redis", Voice.QUIET),
    Port(6443, "kubernetes", Voice.TLS),
    Port(8006, "proxmox", Voice.TLS),
    Port(8080, "http-proxy", Voice.HTTP),
    Port(8443, "https-alt", Voice.TLS),
    Port(9090, "websm", Voice.HTTP),
    Port(9100, "jetdirect", Voice.QUIET),
    Port(9200, "elasticsearch", Voice.HTTP),
    Port(10050, "zabbix-agent", Voice.QUIET),
    Port(27017, "mongodb", Voice.QUIET),
)

_BY_NUMBER = {port.number: port for port in PORTS}
assert len(_BY_NUMBER) == len(PORTS), "a port is declared twice"


def port(number: int) -> Port:
    """The declared port; for another number one whose service is to be guessed."""
    return _BY_NUMBER.get(number) or Port(number, "", Voice.GUESS)
